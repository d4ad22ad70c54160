//! Objects: named bytes in a folder, in S3 or in memory, durable when `put` returns.

pub mod conformance;
mod folder;
mod reader;

pub use reader::ObjectReader;

use crate::clock::Timestamp;
use crate::config::{ConfigError, SecretFile};
use bytes::Bytes;
use folder::{Folder, Later};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart};
use serde::Deserialize;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Objects above this go to S3 in parts of this size; it bounds the memory of an upload.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts on their way at the same time.
const PARTS_MAX: usize = 2;
/// A file is written in pieces of this size.
const COPY_BYTES: usize = 256 * 1024;
/// Objects of a store that are removed at the same time.
const DELETES_AT_ONCE: usize = 16;
/// S3's own limit on a key.
const NAME_BYTES_MAX: usize = 1024;

/// What went wrong, by culprit. Names of objects appear; their contents never do.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object.
    #[error("no object {0}")]
    NotFound(String),
    /// `put_new` found one there already.
    #[error("object {0} exists already")]
    AlreadyExists(String),
    /// The caller's fault: not a name that every back end can hold.
    #[error("not an object name: {0:?}")]
    BadName(String),
    /// The configuration's fault.
    #[error("object store address: {0}")]
    Config(String),
    /// The world's fault (disk, network, refusal): try again later.
    #[error("object store, {doing} {name}: {detail}")]
    World {
        /// The act.
        doing: &'static str,
        /// The object.
        name: String,
        /// What the store said.
        detail: String,
    },
    /// The bytes to be stored could not be read.
    #[error("reading what was to be stored as {name}: {source}")]
    Source {
        /// The object.
        name: String,
        /// The reader's own error.
        source: std::io::Error,
    },
}

impl ObjectError {
    /// Whether trying again later can help.
    pub fn is_world(&self) -> bool {
        matches!(self, Self::World { .. })
    }

    fn world(doing: &'static str, name: &str, detail: impl std::fmt::Display) -> Self {
        Self::World { doing, name: name.into(), detail: detail.to_string() }
    }

    fn of_store(doing: &'static str, name: &str, error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound(name.into()),
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                Self::AlreadyExists(name.into())
            }
            other => Self::world(doing, name, other),
        }
    }
}

/// Where objects are kept, as a config file says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectsConfig {
    /// `file:///absolute/folder`, `s3://bucket/prefix` or `memory:` (tests).
    pub url: String,
    /// How to reach the S3 service; needed for `s3://`.
    #[serde(default)]
    pub s3: Option<S3Config>,
}

/// How to reach an S3 service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The service's address; without it, Amazon's for the region. `http://` is taken at its word (a local server).
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The region; many other servers accept any.
    #[serde(default = "default_region")]
    pub region: String,
    /// A private file with the access key id.
    pub access_key_id_file: SecretFile,
    /// A private file with the secret access key.
    pub secret_access_key_file: SecretFile,
}

fn default_region() -> String {
    "us-east-1".into()
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its name below the store's own root or prefix.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last put, by the store's own clock.
    pub put: Timestamp,
}

impl ObjectInfo {
    fn of(name: String, meta: &object_store::ObjectMeta) -> Self {
        let put = Timestamp::from_micros(meta.last_modified.timestamp_micros());
        Self { name, bytes: meta.size, put }
    }
}

/// A store of objects. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    folder: Option<Arc<Folder>>,
    /// In a [`Batch`].
    later: Option<Arc<Later>>,
}

/// Puts that are durable together, once [`Batch::settle`] has returned: the folders that many objects go into are synced once.
/// Each object is whole before it has its name. Not settled, any of them may be gone after a power cut.
pub struct Batch(Objects);

impl Batch {
    /// As [`Objects::put`], but for the folder's sync.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ObjectError> {
        self.0.put(name, bytes).await
    }

    /// As [`Objects::put_reader`], but for the folder's sync.
    pub async fn put_reader(
        &self,
        name: &str,
        source: impl Read + Send + 'static,
    ) -> Result<u64, ObjectError> {
        self.0.put_reader(name, source).await
    }

    /// As [`Objects::put_from`], but for the folder's sync.
    pub async fn put_from(&self, name: &str, from: &Objects, from_name: &str) -> Result<u64, ObjectError> {
        self.0.put_from(name, from, from_name).await
    }

    /// Whether the store has an object of this length under the name, put by an earlier process perhaps: then it counts as put.
    pub async fn holds(&self, name: &str, bytes: u64) -> Result<bool, ObjectError> {
        if let (Some(folder), Some(later)) = (self.0.folder.clone(), self.0.later.clone()) {
            check_name(name)?;
            let name = name.to_owned();
            return blocking(move || folder.holds(&name, bytes, &later)).await;
        }
        match self.0.head(name).await {
            Ok(info) => Ok(info.bytes == bytes),
            Err(ObjectError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives an object of another store that is open as `read` a second name here, in place of what was there. `false`: that
    /// cannot be done, or would not be as good as a copy, and nothing was changed.
    ///
    /// As good as a copy is a file of one file system that is this process's user's, that nobody else may write to and that
    /// whoever reads here may read ([`ObjectReader::own_file`]); and it is the very file that was read, whatever has its name now.
    pub async fn link(
        &self,
        name: &str,
        from: &Objects,
        from_name: &str,
        read: &ObjectReader,
    ) -> Result<bool, ObjectError> {
        self.0.link(name, from, from_name, read).await
    }

    /// Makes durable what was put.
    pub async fn settle(self) -> Result<(), ObjectError> {
        match (self.0.folder, self.0.later) {
            (Some(folder), Some(later)) => blocking(move || folder.settle(&later)).await,
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Objects({}, {:?})", self.store, self.prefix)
    }
}

impl Objects {
    /// Opens `file:///folder` (made if missing) or `memory:`.
    pub fn from_url(url: &str) -> Result<Self, ObjectError> {
        Self::open(&ObjectsConfig { url: url.to_owned(), s3: None })
    }

    /// Opens the store that the configuration names.
    pub fn open(config: &ObjectsConfig) -> Result<Self, ObjectError> {
        if config.url == "memory:" {
            return Ok(Self {
                store: Arc::new(InMemory::new()),
                prefix: String::new(),
                folder: None,
                later: None,
            });
        }
        if let Some(path) = config.url.strip_prefix("file://") {
            return Self::in_folder(Path::new(path));
        }
        if let Some(place) = config.url.strip_prefix("s3://") {
            let s3 = config
                .s3
                .as_ref()
                .ok_or_else(|| ObjectError::Config("s3:// needs a table [… .s3]".into()))?;
            return Self::in_s3(place, s3);
        }
        Err(ObjectError::Config("use file:///folder, s3://bucket/prefix or memory:".into()))
    }

    /// Opens a folder, made if missing. Everything put there is synced, entries of folders included.
    pub fn in_folder(root: &Path) -> Result<Self, ObjectError> {
        let (folder, store) = Folder::open(root)?;
        Ok(Self {
            store: Arc::new(store),
            prefix: String::new(),
            folder: Some(Arc::new(folder)),
            later: None,
        })
    }

    /// A store whose objects nobody reads soon after they are put: in a folder they leave the page cache at once.
    #[must_use]
    pub fn seldom_read(self) -> Self {
        self.folder.iter().for_each(|folder| folder.set_seldom_read());
        self
    }

    /// Begins to put several.
    pub fn batch(&self) -> Batch {
        Batch(Self { later: Some(Arc::default()), ..self.clone() })
    }

    fn in_s3(place: &str, s3: &S3Config) -> Result<Self, ObjectError> {
        crate::tls::install_provider();
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let secret = |e: ConfigError| ObjectError::Config(e.to_string());
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&s3.region)
            .with_access_key_id(s3.access_key_id_file.read().map_err(secret)?.expose())
            .with_secret_access_key(s3.secret_access_key_file.read().map_err(secret)?.expose());
        if let Some(endpoint) = &s3.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(|e| ObjectError::Config(e.to_string()))?;
        let prefix = prefix.trim_matches('/');
        if !prefix.is_empty() {
            check_name(prefix)?;
        }
        Ok(Self { store: Arc::new(store), prefix: prefix.to_owned(), folder: None, later: None })
    }

    /// Stores the bytes under the name, in place of what was there. Durable when it returns.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ObjectError> {
        self.put_bytes(name, bytes, PutMode::Overwrite).await
    }

    /// Stores the bytes under a name that must be free: of two callers one wins, the other is told `AlreadyExists`,
    /// and then the winner's object is durable.
    pub async fn put_new(&self, name: &str, bytes: Bytes) -> Result<(), ObjectError> {
        self.put_bytes(name, bytes, PutMode::Create).await
    }

    async fn put_bytes(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<(), ObjectError> {
        let path = self.path(name)?;
        if let Some(folder) = self.folder.clone() {
            let (name, fresh) = (name.to_owned(), matches!(mode, PutMode::Create));
            let later = self.later.clone();
            let put = blocking(move || folder.put(&name, &mut bytes.as_ref(), fresh, later.as_deref()));
            return put.await.map(|_| ());
        }
        let put = self.store.put_opts(&path, PutPayload::from_bytes(bytes), mode.into()).await;
        put.map(|_| ()).map_err(|e| ObjectError::of_store("put", name, e))
    }

    /// Stores a file under the name; see [`Objects::put_reader`].
    pub async fn put_file(&self, name: &str, file: &Path) -> Result<u64, ObjectError> {
        let (path, named) = (file.to_owned(), name.to_owned());
        let file = blocking(move || {
            std::fs::File::open(path).map_err(|source| ObjectError::Source { name: named, source })
        })
        .await?;
        self.put_reader(name, file).await
    }

    /// Stores all that the reader gives (read on a blocking thread), in bounded memory, in place of what was there.
    /// The object appears whole or not at all. Durable when it returns; the answer is its length.
    pub async fn put_reader(
        &self,
        name: &str,
        source: impl Read + Send + 'static,
    ) -> Result<u64, ObjectError> {
        let path = self.path(name)?;
        if let Some(folder) = self.folder.clone() {
            let (name, later) = (name.to_owned(), self.later.clone());
            let mut source = BufReader::with_capacity(COPY_BYTES, source);
            return blocking(move || folder.put(&name, &mut source, false, later.as_deref())).await;
        }
        let (first, mut source) = read_part(name, Box::new(source)).await?;
        if first.len() < PART_BYTES {
            let bytes = first.len() as u64;
            self.put(name, first).await?;
            return Ok(bytes);
        }
        let failed = |e| ObjectError::of_store("put in parts", name, e);
        let upload = self.store.put_multipart(&path).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let (mut part, mut bytes) = (first, 0_u64);
        while !part.is_empty() {
            bytes += part.len() as u64;
            let ready = upload.wait_for_capacity(PARTS_MAX).await.map_err(failed);
            upload.put(part);
            part = match ready.and(read_part(name, source).await) {
                Ok((next, rest)) => {
                    source = rest;
                    next
                }
                Err(e) => {
                    // The store forgets the parts; if that fails too, its own expiry rule does.
                    let _ = upload.abort().await;
                    return Err(e);
                }
            };
        }
        upload.finish().await.map_err(failed)?;
        Ok(bytes)
    }

    /// Stores what another store has under a name, in place of what was there. Durable when it returns; the answer is its length.
    /// `NotFound` names what there is none of.
    ///
    /// Between two folders of one file system nothing is copied: the file gets a second name (a hard link). That is as good as
    /// a copy because a file with a name is never changed in place: whatever is put over a name is written aside and moved in,
    /// and whatever is deleted loses that name alone, so neither store can touch what the other holds.
    pub async fn put_from(&self, name: &str, from: &Self, from_name: &str) -> Result<u64, ObjectError> {
        check_name(name)?;
        check_name(from_name)?;
        if let (Some(folder), Some(other)) = (self.folder.clone(), from.folder.clone()) {
            let (name, from_name, later) = (name.to_owned(), from_name.to_owned(), self.later.clone());
            let linked = blocking(move || folder.link(&name, &other, &from_name, later.as_deref()));
            if let Some(bytes) = linked.await? {
                return Ok(bytes);
            }
        }
        let (from, from_name) = (from.clone(), from_name.to_owned());
        let source = blocking(move || from.open_blocking(&from_name)).await?;
        self.put_reader(name, source).await
    }

    async fn link(
        &self,
        name: &str,
        from: &Self,
        from_name: &str,
        read: &ObjectReader,
    ) -> Result<bool, ObjectError> {
        check_name(name)?;
        check_name(from_name)?;
        let file = read.own_file().and_then(|file| file.map(std::fs::File::try_clone).transpose());
        let file = file.map_err(|e| ObjectError::world("open", from_name, e))?;
        let (Some(folder), Some(other), Some(file)) = (self.folder.clone(), from.folder.clone(), file) else {
            return Ok(false);
        };
        let (name, from_name, later) = (name.to_owned(), from_name.to_owned(), self.later.clone());
        blocking(move || folder.link_read(&name, &other, &from_name, &file, later.as_deref())).await
    }

    /// The whole object. For objects whose size is known to be small.
    pub async fn get(&self, name: &str) -> Result<Bytes, ObjectError> {
        let failed = |e| ObjectError::of_store("get", name, e);
        self.store.get(&self.path(name)?).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// A part of the object; shorter where the object ends.
    pub async fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, ObjectError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let got = self.store.get_range(&self.path(name)?, range.clone()).await;
        match got {
            Ok(bytes) => Ok(bytes),
            // Back ends differ beyond the end: some refuse. The head decides.
            Err(e) => match self.head(name).await {
                Ok(info) if info.bytes <= range.start => Ok(Bytes::new()),
                Ok(_) | Err(ObjectError::World { .. }) => Err(ObjectError::of_store("read", name, e)),
                Err(other) => Err(other),
            },
        }
    }

    /// The object as a stream of pieces.
    pub async fn stream(
        &self,
        name: &str,
    ) -> Result<impl futures::Stream<Item = Result<Bytes, ObjectError>> + Send + use<>, ObjectError> {
        let named = name.to_owned();
        let got =
            self.store.get(&self.path(name)?).await.map_err(|e| ObjectError::of_store("get", name, e))?;
        Ok(got.into_stream().map_err(move |e| ObjectError::of_store("get", &named, e)))
    }

    /// The object as `Read + Seek`, for code that knows no async. Call it, and read it, on a blocking thread
    /// (`spawn_blocking`) of a runtime.
    pub fn open_blocking(&self, name: &str) -> Result<ObjectReader, ObjectError> {
        match &self.folder {
            Some(folder) => folder.open_file(name).map(ObjectReader::file),
            None => ObjectReader::remote(self.clone(), name),
        }
    }

    /// Its length, or `NotFound`.
    pub async fn head(&self, name: &str) -> Result<ObjectInfo, ObjectError> {
        let meta =
            self.store.head(&self.path(name)?).await.map_err(|e| ObjectError::of_store("head", name, e))?;
        Ok(ObjectInfo::of(name.to_owned(), &meta))
    }

    /// All objects in the folder `prefix` (empty: all), at any depth, in no order. Unfinished ones do not show.
    pub async fn list(
        &self,
        prefix: &str,
    ) -> Result<impl futures::Stream<Item = Result<ObjectInfo, ObjectError>> + Send + use<>, ObjectError>
    {
        let prefix = prefix.trim_end_matches('/');
        let under =
            if prefix.is_empty() { StorePath::from(self.prefix.as_str()) } else { self.path(prefix)? };
        let (named, own) = (prefix.to_owned(), self.prefix.clone());
        Ok(self.store.list(Some(&under)).filter_map(move |found| {
            let item = match found {
                Ok(meta) => {
                    let name = meta.location.as_ref();
                    let name =
                        name.strip_prefix(own.as_str()).unwrap_or(name).trim_start_matches('/').to_owned();
                    Some(Ok(ObjectInfo::of(name, &meta)))
                }
                // Removed by another between finding it and looking at it.
                Err(object_store::Error::NotFound { .. }) => None,
                Err(e) => Some(Err(ObjectError::of_store("list", &named, e))),
            };
            futures::future::ready(item)
        }))
    }

    /// All objects in a folder, sorted by name. For folders known to be of moderate size.
    pub async fn list_sorted(&self, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        let mut all: Vec<_> = self.list(prefix).await?.try_collect().await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// What lies directly in a folder (empty: the root): the names of its folders, each without a path, and its
    /// objects; both sorted. An object store with millions of objects below answers as quickly as a small one.
    pub async fn list_folder(&self, prefix: &str) -> Result<(Vec<String>, Vec<ObjectInfo>), ObjectError> {
        let prefix = prefix.trim_end_matches('/');
        let under =
            if prefix.is_empty() { StorePath::from(self.prefix.as_str()) } else { self.path(prefix)? };
        let found = match self.store.list_with_delimiter(Some(&under)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok((Vec::new(), Vec::new())),
            Err(e) => return Err(ObjectError::of_store("list", prefix, e)),
        };
        let folder = |path: &StorePath| path.filename().map(str::to_owned);
        let mut folders: Vec<_> = found.common_prefixes.iter().filter_map(folder).collect();
        let object = |meta: object_store::ObjectMeta| {
            let name = meta.location.as_ref();
            let name =
                name.strip_prefix(self.prefix.as_str()).unwrap_or(name).trim_start_matches('/').to_owned();
            ObjectInfo::of(name, &meta)
        };
        let mut objects: Vec<_> = found.objects.into_iter().map(object).collect();
        folders.sort_unstable();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((folders, objects))
    }

    /// Removes the object, for good when it returns. One that is not there counts as removed.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectError> {
        let path = self.path(name)?;
        if let Some(folder) = self.folder.clone() {
            let name = name.to_owned();
            return blocking(move || folder.delete(&name)).await;
        }
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(ObjectError::of_store("delete", name, e)),
        }
    }

    /// Removes several; see [`Objects::delete`]. In a folder their entries are synced together.
    pub async fn delete_all(&self, names: Vec<String>) -> Result<(), ObjectError> {
        names.iter().try_for_each(|name| check_name(name))?;
        if let Some(folder) = self.folder.clone() {
            return blocking(move || folder.delete_all(&names)).await;
        }
        for some in names.chunks(DELETES_AT_ONCE) {
            futures::future::try_join_all(some.iter().map(|name| self.delete(name))).await?;
        }
        Ok(())
    }

    /// Removes what an earlier process left half written under a prefix, `""` for everywhere (folders only). Call before this
    /// process writes, and only for what nobody else writes.
    pub async fn sweep_unfinished(&self, prefix: &str) -> Result<u64, ObjectError> {
        let prefix = prefix.to_owned();
        match self.folder.clone() {
            Some(folder) => blocking(move || folder.sweep(&prefix)).await,
            None => Ok(0),
        }
    }

    /// The folder, where objects are files.
    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|f| f.root().to_owned())
    }

    fn path(&self, name: &str) -> Result<StorePath, ObjectError> {
        check_name(name)?;
        let whole = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        StorePath::parse(whole).map_err(|_| ObjectError::BadName(name.into()))
    }
}

/// A name is `part/part/…` of ASCII letters, digits and `. _ - = + @ ,` and space; no part is empty, `.` or `..`.
fn check_name(name: &str) -> Result<(), ObjectError> {
    let good_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.len() <= 200
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-=+@, ".contains(&b))
    };
    if name.len() <= NAME_BYTES_MAX && name.split('/').all(good_part) {
        Ok(())
    } else {
        Err(ObjectError::BadName(name.into()))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| ObjectError::world("wait for", "", e))?
}

/// The next part, full unless the source ends; and the source back.
async fn read_part(
    name: &str,
    mut source: Box<dyn Read + Send>,
) -> Result<(Bytes, Box<dyn Read + Send>), ObjectError> {
    let named = name.to_owned();
    blocking(move || {
        let mut part = Vec::with_capacity(PART_BYTES);
        match source.by_ref().take(PART_BYTES as u64).read_to_end(&mut part) {
            Ok(_) => Ok((part.into(), source)),
            Err(source) => Err(ObjectError::Source { name: named, source }),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[tokio::test]
    async fn a_folder_conforms() {
        let dir = TempDir::new();
        let objects = Objects::from_url(&format!("file://{}/new/root", dir.path().display())).unwrap();
        conformance::run(&objects, "suite").await;
        conformance::between(&objects, &Objects::from_url("memory:").unwrap(), "remote").await;
        let left = std::fs::read_dir(dir.path().join("new/root/suite/b")).unwrap().count();
        assert_eq!(left, 0, "nothing staged stays behind");
    }

    #[tokio::test]
    async fn memory_conforms() {
        conformance::run(&Objects::from_url("memory:").unwrap(), "suite").await;
    }

    /// Needs a server: `TRIBUTARY_TEST_S3=http://127.0.0.1:PORT` with a bucket `tributary-test`, any credentials.
    #[tokio::test]
    async fn s3_conforms() {
        let Some(endpoint) = std::env::var("TRIBUTARY_TEST_S3").ok().filter(|url| !url.is_empty()) else {
            return;
        };
        let dir = TempDir::new();
        let secret = |name: &str| {
            let path = dir.path().join(name);
            crate::disk::create_private(&path, b"testing\n").unwrap();
            SecretFile::new(path)
        };
        let s3 = S3Config {
            endpoint: Some(endpoint),
            region: default_region(),
            access_key_id_file: secret("id"),
            secret_access_key_file: secret("key"),
        };
        for prefix in ["", "/house/one"] {
            let url = format!("s3://tributary-test{prefix}");
            let objects = Objects::open(&ObjectsConfig { url, s3: Some(s3.clone()) }).unwrap();
            conformance::run(&objects, &crate::keys::random_id().unwrap()).await;
        }
    }

    #[tokio::test]
    async fn between_folders_nothing_is_copied_where_a_link_will_do() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let dir = TempDir::new();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let (from, to) = (Objects::in_folder(&one).unwrap(), Objects::in_folder(&two).unwrap());
        conformance::between(&to, &from, "suite").await;
        from.put("a", Bytes::from_static(b"a")).await.unwrap();
        let inode = |path: PathBuf| std::fs::metadata(path).unwrap().ino();
        to.put_from("deep/down/a", &from, "a").await.unwrap();
        assert_eq!(inode(two.join("deep/down/a")), inode(one.join("a")));
        // A folder that hands its group down.
        std::fs::create_dir(two.join("shared")).unwrap();
        std::fs::set_permissions(two.join("shared"), std::fs::Permissions::from_mode(0o2755)).unwrap();
        to.put_from("shared/a", &from, "a").await.unwrap();
        assert_ne!(inode(two.join("shared/a")), inode(one.join("a")));
        assert_eq!(to.get("shared/a").await.unwrap(), "a");
    }

    #[tokio::test]
    async fn a_file_gets_a_second_name_only_where_that_is_as_good_as_a_copy() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let dir = TempDir::new();
        let at = |name: &str| dir.path().join(name);
        let [from, to] = ["from", "to"].map(|name| Objects::in_folder(&at(name)).unwrap());
        let chmod = |name: &str, mode| {
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let link = async |before: &dyn Fn()| {
            from.put("a", Bytes::from_static(b"a")).await.unwrap();
            chmod("from/a", 0o640);
            chmod("to", 0o750);
            let read = from.open_blocking("a").unwrap();
            before();
            let batch = to.batch();
            let linked = batch.link("b", &from, "a", &read).await.unwrap();
            batch.settle().await.unwrap();
            assert_eq!(std::fs::read_dir(at("to")).unwrap().count(), 1, "nothing staged stays behind");
            linked
        };
        to.put("b", Bytes::from_static(b"before")).await.unwrap();
        let others: [(&str, &dyn Fn()); 4] = [
            ("others may write", &|| chmod("from/a", 0o660)),
            ("who reads there could not", &|| chmod("to", 0o755)),
            ("a folder that hands its group down", &|| chmod("to", 0o2750)),
            ("another file has its name now", &|| {
                std::fs::write(at("from/other"), b"a").unwrap();
                chmod("from/other", 0o640);
                std::fs::rename(at("from/other"), at("from/a")).unwrap();
            }),
        ];
        for (why, before) in others {
            assert!(!link(before).await, "{why}");
            assert_eq!(to.get("b").await.unwrap(), "before", "{why}");
        }
        for _ in 0..2 {
            assert!(link(&|| ()).await, "in place of what was there");
            assert_eq!(to.get("b").await.unwrap(), "a");
            let inode = |name| std::fs::metadata(at(name)).unwrap().ino();
            assert_eq!(inode("to/b"), inode("from/a"));
        }
        let read = from.open_blocking("a").unwrap();
        assert!(to.batch().link("b", &from, "a", &read).await.unwrap(), "the same once more");
        assert_eq!(std::fs::read_dir(at("to")).unwrap().count(), 1, "nothing staged stays behind");
        let memory = Objects::from_url("memory:").unwrap();
        assert!(!memory.batch().link("b", &from, "a", &read).await.unwrap());
    }

    #[tokio::test]
    async fn what_a_killed_process_left_is_invisible_and_swept() {
        let dir = TempDir::new();
        let objects = Objects::in_folder(dir.path()).unwrap();
        objects.put("a/b.dcm", Bytes::from_static(b"x")).await.unwrap();
        std::fs::write(dir.path().join("a/c.dcm#77"), b"half").unwrap();
        assert_eq!(objects.list_sorted("").await.unwrap().len(), 1);
        assert_eq!(objects.sweep_unfinished("b").await.unwrap(), 0, "elsewhere, and no such folder");
        assert_eq!(objects.sweep_unfinished("").await.unwrap(), 1);
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn a_bad_address_is_refused() {
        for url in ["file://relative", "ftp://x", "s3://bucket", ""] {
            assert!(matches!(Objects::from_url(url), Err(ObjectError::Config(_))), "{url}");
        }
    }
}
