/* Preloaded into the real processes by the durability tests (see shim.rs and power/log.rs).
 *
 * It writes down, in the order in which they happened, across threads and processes, all changes to files and folders under
 * one root, and the syncs that make them last; and it lets chosen calls fail, as a full or a broken disk does.
 *
 *   SHIM_ROOT   the folder that is watched; absolute, without links
 *   SHIM_LOG    where the records go; none are written without it
 *   SHIM_FAULT  a file; while it exists, each line "ERRNO WHICH TEXT" lets calls fail with ERRNO whose path holds TEXT;
 *               WHICH is "write" (whatever takes room), "sync", or "all" of these
 *
 * A change and its record are made under one lock, so that the order of records is the order of changes. A sync is recorded
 * after it has succeeded, with the length that the log had before it began: it covers the records up to there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, ANONYMOUS, WRITE, TRUNCATE, RENAME, LINK, UNLINK, MKDIR, RMDIR, SYNC };

struct record {
    uint32_t bytes; /* of the whole record: this header, path, second path, data */
    uint32_t kind;
    uint64_t inode;
    uint64_t at; /* offset of a write, length of a truncation, log position covered by a sync */
    uint32_t path, path2;
};

static const char *root, *fault;
static int log_fd = -1, lock_fd = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    root = getenv("SHIM_ROOT");
    fault = getenv("SHIM_FAULT");
    const char *log = getenv("SHIM_LOG");
    if (root && log) {
        int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        log_fd = syscall(SYS_openat, AT_FDCWD, log, flags, 0600);
        lock_fd = syscall(SYS_openat, AT_FDCWD, log, flags, 0600);
        if (log_fd < 0 || lock_fd < 0) {
            perror("shim: log");
            _exit(97);
        }
    }
}

static void lock(void) {
    pthread_mutex_lock(&mutex);
    while (lock_fd >= 0 && flock(lock_fd, LOCK_EX) < 0 && errno == EINTR) {}
}

static void unlock(void) {
    int saved = errno;
    if (lock_fd >= 0) flock(lock_fd, LOCK_UN);
    pthread_mutex_unlock(&mutex);
    errno = saved;
}

static int is_below(const char *path) {
    size_t n = root ? strlen(root) : 0;
    return n && strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* The path that an open descriptor has, if it is watched. */
static int path_of(int fd, char *path) {
    char link[64];
    if (!root || fd < 3) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return is_below(path);
}

/* The absolute path of a name given to a call, if it is watched. */
static int resolve(int dir, const char *name, char *path) {
    if (!root || !name) return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char base[PATH_MAX], link[64];
        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            ssize_t n = readlink(link, base, sizeof base - 1);
            if (n <= 0) return 0;
            base[n] = 0;
        }
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return is_below(path);
}

static int watched_file(int fd, struct stat *st, char *path) {
    int saved = errno;
    int is = root && fd >= 3 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) && path_of(fd, path);
    errno = saved;
    return is;
}

/* Whether a planned fault strikes; then errno is set. */
static int fails(const char *which, const char *path) {
    char text[4096];
    int saved = errno, fd = fault ? (int)syscall(SYS_openat, AT_FDCWD, fault, O_RDONLY | O_CLOEXEC, 0) : -1;
    errno = saved;
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    char *rest, *line = strtok_r(text, "\n", &rest);
    for (; line; line = strtok_r(NULL, "\n", &rest)) {
        char kind[16], part[1024];
        int number;
        if (sscanf(line, "%d %15s %1023s", &number, kind, part) != 3) continue;
        if ((strcmp(kind, "all") == 0 || strcmp(kind, which) == 0) && strstr(path, part)) {
            errno = number;
            return 1;
        }
    }
    errno = saved;
    return 0;
}

static void record(uint32_t kind, uint64_t inode, uint64_t at, const char *path, const char *path2,
                   const struct iovec *data, int pieces, size_t bytes) {
    int saved = errno;
    if (log_fd < 0) return;
    struct record head = {.kind = kind, .inode = inode, .at = at};
    head.path = path ? strlen(path) : 0;
    head.path2 = path2 ? strlen(path2) : 0;
    head.bytes = sizeof head + head.path + head.path2 + bytes;
    struct iovec all[3 + IOV_MAX / 2] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)path2, head.path2}};
    int n = 3;
    for (int i = 0; i < pieces && bytes; i++) {
        size_t part = data[i].iov_len < bytes ? data[i].iov_len : bytes;
        if (n == 3 + IOV_MAX / 2) _exit(96);
        all[n++] = (struct iovec){data[i].iov_base, part};
        bytes -= part;
    }
    if (syscall(SYS_writev, log_fd, all, n) != (long)head.bytes) _exit(96);
    errno = saved;
}

static void record_path(uint32_t kind, const char *path, const char *path2) {
    record(kind, 0, 0, path, path2, NULL, 0, 0);
}

static int do_open(int dir, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    int makes = flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE;
    if (!makes || !resolve(dir, name, path)) return syscall(SYS_openat, dir, name, flags, mode);
    struct stat st;
    int takes_room = fstatat(dir, name, &st, 0) < 0 || (flags & O_TMPFILE) == O_TMPFILE;
    if (takes_room && fails("write", path)) return -1;
    lock();
    int was_there = fstatat(dir, name, &st, 0) == 0;
    off_t length = was_there ? st.st_size : 0;
    int fd = syscall(SYS_openat, dir, name, flags, mode);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        if ((flags & O_TMPFILE) == O_TMPFILE) record(ANONYMOUS, st.st_ino, 0, path, NULL, NULL, 0, 0);
        else if (!was_there) record(CREATE, st.st_ino, 0, path, NULL, NULL, 0, 0);
        else if (flags & O_TRUNC && length) record(TRUNCATE, st.st_ino, 0, path, NULL, NULL, 0, 0);
    }
    unlock();
    return fd;
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...) {                        \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        mode_t mode = mode_of(flags, rest);                             \
        va_end(rest);                                                   \
        return do_open(AT_FDCWD, path, flags, mode);                    \
    }
#define OPENAT(name)                                                    \
    int name(int dir, const char *path, int flags, ...) {               \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        mode_t mode = mode_of(flags, rest);                             \
        va_end(rest);                                                   \
        return do_open(dir, path, flags, mode);                         \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* A write of any kind: at the file's own place where `at` is negative. */
static ssize_t do_write(int fd, const struct iovec *data, int pieces, off_t at, int vector) {
    struct stat st;
    char path[PATH_MAX];
    int watched = watched_file(fd, &st, path);
    if (watched && fails("write", path)) return -1;
    if (watched) lock();
    ssize_t n = at < 0    ? vector ? syscall(SYS_writev, fd, data, pieces)
                                   : syscall(SYS_write, fd, data[0].iov_base, data[0].iov_len)
                : vector ? syscall(SYS_pwritev, fd, data, pieces, at, 0)
                         : syscall(SYS_pwrite64, fd, data[0].iov_base, data[0].iov_len, at);
    if (watched) {
        int saved = errno;
        off_t place = at < 0 && n > 0 ? lseek(fd, 0, SEEK_CUR) - n : at;
        if (n > 0) record(WRITE, st.st_ino, place, path, NULL, data, pieces, n);
        errno = saved;
        unlock();
    }
    return n;
}

ssize_t write(int fd, const void *bytes, size_t n) {
    return do_write(fd, &(struct iovec){(void *)bytes, n}, 1, -1, 0);
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    return do_write(fd, &(struct iovec){(void *)bytes, n}, 1, at, 0);
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return pwrite(fd, bytes, n, at); }
ssize_t writev(int fd, const struct iovec *data, int pieces) { return do_write(fd, data, pieces, -1, 1); }
ssize_t pwritev(int fd, const struct iovec *data, int pieces, off_t at) {
    return do_write(fd, data, pieces, at, 1);
}
ssize_t pwritev64(int fd, const struct iovec *data, int pieces, off64_t at) {
    return do_write(fd, data, pieces, at, 1);
}

/* Copies within the kernel: whoever asks for one has another way. */
ssize_t copy_file_range(int in, off64_t *at_in, int out, off64_t *at_out, size_t n, unsigned flags) {
    struct stat st;
    char path[PATH_MAX];
    if (watched_file(out, &st, path)) return errno = ENOSYS, -1;
    return syscall(SYS_copy_file_range, in, at_in, out, at_out, n, flags);
}
ssize_t sendfile(int out, int in, off_t *at, size_t n) {
    struct stat st;
    char path[PATH_MAX];
    if (watched_file(out, &st, path)) return errno = ENOSYS, -1;
    return syscall(SYS_sendfile, out, in, at, n);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t n) { return sendfile(out, in, at, n); }

int ftruncate(int fd, off_t length) {
    struct stat st;
    char path[PATH_MAX];
    if (!watched_file(fd, &st, path)) return syscall(SYS_ftruncate, fd, length);
    if (fails("write", path)) return -1;
    lock();
    int done = syscall(SYS_ftruncate, fd, length);
    if (done == 0) record(TRUNCATE, st.st_ino, length, path, NULL, NULL, 0, 0);
    unlock();
    return done;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int do_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char path[PATH_MAX], path2[PATH_MAX];
    int watched = resolve(from_dir, from, path) & resolve(to_dir, to, path2);
    if (watched && fails("write", path2)) return -1;
    if (watched) lock();
    int done = syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (watched && done == 0) record_path(RENAME, path, path2);
    if (watched) unlock();
    return done;
}
int rename(const char *from, const char *to) { return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return do_rename(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return do_rename(a, from, b, to, flags);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char path[PATH_MAX], path2[PATH_MAX];
    int watched = resolve(from_dir, from, path) & resolve(to_dir, to, path2);
    if (watched && fails("write", path2)) return -1;
    if (watched) lock();
    int done = syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (watched && done == 0) record_path(LINK, path, path2);
    if (watched) unlock();
    return done;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int dir, const char *name, int flags) {
    char path[PATH_MAX];
    int watched = resolve(dir, name, path);
    if (watched) lock();
    int done = syscall(SYS_unlinkat, dir, name, flags);
    if (watched && done == 0) record_path(flags & AT_REMOVEDIR ? RMDIR : UNLINK, path, NULL);
    if (watched) unlock();
    return done;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int dir, const char *name, mode_t mode) {
    char path[PATH_MAX];
    int watched = resolve(dir, name, path);
    if (watched && fails("write", path)) return -1;
    if (watched) lock();
    int done = syscall(SYS_mkdirat, dir, name, mode);
    if (watched && done == 0) record_path(MKDIR, path, NULL);
    if (watched) unlock();
    return done;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static int do_sync(int fd, long number) {
    char path[PATH_MAX];
    struct stat st;
    if (!path_of(fd, path) || fstat(fd, &st) < 0) return syscall(number, fd);
    if (fails("sync", path)) return -1;
    lock();
    off_t covered = log_fd >= 0 ? lseek(log_fd, 0, SEEK_END) : 0;
    unlock();
    int done = syscall(number, fd);
    if (done == 0) {
        lock();
        record(SYNC, S_ISDIR(st.st_mode) ? 0 : st.st_ino, covered, path, NULL, NULL, 0, 0);
        unlock();
    }
    return done;
}
int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }
