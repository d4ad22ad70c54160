//! Key files: one secret each, readable by its owner only, and the public halves that other houses pin.

use crate::disk;
use data_encoding::{BASE64, HEXLOWER};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// What a key is for. A key of one kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Pseudonyms, UIDs, date offsets: the project's hubs and escrow. Never rotated.
    Project,
    /// What a hub seals at rest: the spool, the linkage.
    HubStorage,
    /// A hub signs clearances and manifests (Ed25519).
    HubSigning,
    /// The national house signs receipts (Ed25519).
    NationalSigning,
    /// The national house's split into training and validation.
    Partition,
    /// Opens backups (X25519). Made and kept offline; only its public half comes near a hub.
    BackupRecipient,
}

impl KeyKind {
    const ALL: [Self; 6] = [
        Self::Project,
        Self::HubStorage,
        Self::HubSigning,
        Self::NationalSigning,
        Self::Partition,
        Self::BackupRecipient,
    ];

    /// The kind as the file names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::HubStorage => "hub-storage",
            Self::HubSigning => "hub-signing",
            Self::NationalSigning => "national-signing",
            Self::Partition => "partition",
            Self::BackupRecipient => "backup-recipient",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    const fn has_public_half(self) -> bool {
        matches!(self, Self::HubSigning | Self::NationalSigning | Self::BackupRecipient)
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a key without telling anything of it: 8 bytes, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id as it lies in a sealed file.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    fn of(label: &[u8], material: &[u8; 32]) -> Self {
        let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, material), label);
        let mut id = [0; 8];
        id.copy_from_slice(&tag.as_ref()[..8]);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with a key file; each says the file, a code, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not there, or not ours to read.
    #[error("key-unreadable: {path}: {source}; make one with `tributary keys init`, or restore it")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Anyone but the owner may read it.
    #[error(
        "key-exposed: {path}: others may read this key (mode {mode:04o}); run: chmod 600 {path}, and consider it known"
    )]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// A key for another purpose.
    #[error(
        "key-kind: {path}: holds a {found} key where a {wanted} key belongs; check the paths in the configuration"
    )]
    WrongKind {
        /// The file.
        path: String,
        /// What the file says.
        found: String,
        /// What was asked for.
        wanted: KeyKind,
    },
    /// Not a key file, or cut, or changed.
    #[error("key-malformed: {path}: {detail}; restore it from the safe")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// Making one must never overwrite one.
    #[error("key-exists: {path}: a file is there already; move it away first if you mean it")]
    Exists {
        /// The file.
        path: String,
    },
    /// Writing failed.
    #[error("key-unwritable: {path}: {source}")]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The machine gave no randomness.
    #[error("key-random: the machine gave no randomness")]
    NoRandomness,
}

/// A secret key of 32 bytes. It prints its kind and id only, and is wiped when dropped.
#[derive(Clone)]
pub struct SecretKey {
    kind: KeyKind,
    bytes: Zeroizing<[u8; 32]>,
}

impl SecretKey {
    /// A new random key, in memory only.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        Ok(Self { kind, bytes: Zeroizing::new(random()?) })
    }

    /// A key from its bytes (tests; keys kept elsewhere).
    pub fn from_bytes(kind: KeyKind, bytes: [u8; 32]) -> Self {
        Self { kind, bytes: Zeroizing::new(bytes) }
    }

    /// Makes a new key and its file, which must not exist yet: mode 0600, whole or not at all, durable.
    pub fn create(path: &Path, kind: KeyKind) -> Result<Self, KeyError> {
        let key = Self::generate(kind)?;
        let named = path.display().to_string();
        let text = Zeroizing::new(format!(
            "# A secret key of Tributary. Keep it private, and a copy in a safe.\nkind: {kind}\nid: {}\nkey: {}\n",
            key.id(),
            BASE64.encode(key.bytes.as_slice()),
        ));
        match disk::create_private(path, text.as_bytes()) {
            Ok(()) => Ok(key),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::Exists { path: named }),
            Err(source) => Err(KeyError::Unwritable { path: named, source }),
        }
    }

    /// Reads a key file that must hold a key of this kind.
    pub fn load(path: &Path, wanted: KeyKind) -> Result<Self, KeyError> {
        let named = path.display().to_string();
        let unreadable = |source| KeyError::Unreadable { path: named.clone(), source };
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: named, mode });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let malformed = |detail| KeyError::Malformed { path: named.clone(), detail };
        let found = field("kind").ok_or(malformed("no line \"kind:\""))?;
        if KeyKind::parse(found) != Some(wanted) {
            return Err(KeyError::WrongKind { path: named, found: found.to_owned(), wanted });
        }
        let key = field("key").ok_or(malformed("no line \"key:\""))?;
        let key =
            Zeroizing::new(BASE64.decode(key.as_bytes()).map_err(|_| malformed("the key is not base64"))?);
        let key =
            <[u8; 32]>::try_from(key.as_slice()).map_err(|_| malformed("the key is not 32 bytes long"))?;
        let key = Self::from_bytes(wanted, key);
        if field("id") != Some(key.id().to_string().as_str()) {
            return Err(malformed("the id does not belong to the key"));
        }
        Ok(key)
    }

    /// What it is for.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The secret itself: only for handing to what needs it.
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Its name. A key with a public half is named by that half, so both sides call it the same.
    pub fn id(&self) -> KeyId {
        match self.public() {
            Some(public) => public.id(),
            None => KeyId::of(self.kind.as_str().as_bytes(), &self.bytes),
        }
    }

    /// The half that may be given away; `None` for kinds that have none.
    pub fn public(&self) -> Option<PublicKey> {
        let bytes = match self.kind {
            KeyKind::HubSigning | KeyKind::NationalSigning => {
                let pair = Ed25519KeyPair::from_seed_unchecked(self.bytes.as_slice()).ok()?;
                <[u8; 32]>::try_from(pair.public_key().as_ref()).ok()?
            }
            KeyKind::BackupRecipient => {
                *x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*self.bytes)).as_bytes()
            }
            KeyKind::Project | KeyKind::HubStorage | KeyKind::Partition => return None,
        };
        Some(PublicKey { kind: self.kind, bytes })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} {})", self.kind, self.id())
    }
}

/// A public key as another house pins it. As text: `hub-signing:<id>:<base64>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey {
    kind: KeyKind,
    bytes: [u8; 32],
}

impl PublicKey {
    /// Whose half it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The Ed25519 or X25519 public key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The key's name, the same as its secret half's and as signed documents call it: the first 8 bytes of its SHA-256.
    pub fn id(&self) -> KeyId {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.bytes);
        let mut id = [0; 8];
        id.copy_from_slice(&digest.as_ref()[..8]);
        KeyId(id)
    }

    /// Reads the text form, which must be of this kind.
    pub fn parse(text: &str, wanted: KeyKind) -> Result<Self, KeyError> {
        let malformed = |detail| KeyError::Malformed { path: "public key".into(), detail };
        let mut parts = text.trim().split(':');
        let (Some(kind), Some(id), Some(key), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("a public key is written kind:id:base64"));
        };
        if KeyKind::parse(kind) != Some(wanted) || !wanted.has_public_half() {
            return Err(KeyError::WrongKind { path: "public key".into(), found: kind.to_owned(), wanted });
        }
        let bytes = BASE64.decode(key.as_bytes()).map_err(|_| malformed("the key is not base64"))?;
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| malformed("the key is not 32 bytes long"))?;
        let key = Self { kind: wanted, bytes };
        if key.id().to_string() == id { Ok(key) } else { Err(malformed("the id does not belong to the key")) }
    }

    /// Reads a file with the text form.
    pub fn load(path: &Path, wanted: KeyKind) -> Result<Self, KeyError> {
        let named = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeyError::Unreadable { path: named.clone(), source })?;
        Self::parse(&text, wanted).map_err(|e| match e {
            KeyError::Malformed { detail, .. } => KeyError::Malformed { path: named, detail },
            KeyError::WrongKind { found, wanted, .. } => KeyError::WrongKind { path: named, found, wanted },
            other => other,
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.id(), BASE64.encode(&self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Random bytes from the machine.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

/// A random handle of 128 bits as 32 hexadecimal digits: row ids, lease tokens.
pub fn random_id() -> Result<String, KeyError> {
    Ok(HEXLOWER.encode(&random::<16>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_key_file_is_private_and_comes_back_the_same() {
        let dir = TempDir::new();
        for kind in KeyKind::ALL {
            let path = dir.path().join("keys").join(kind.as_str());
            let made = SecretKey::create(&path, kind).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
            let read = SecretKey::load(&path, kind).unwrap();
            assert_eq!((read.expose(), read.id()), (made.expose(), made.id()));
            assert!(matches!(SecretKey::create(&path, kind), Err(KeyError::Exists { .. })));
            assert_eq!(made.public().is_some(), kind.has_public_half());
            if let Some(public) = made.public() {
                assert_eq!(PublicKey::parse(&public.to_string(), kind).unwrap(), public);
                assert_eq!(public.id(), made.id());
            }
        }
        assert_eq!(
            std::fs::read_dir(dir.path().join("keys")).unwrap().count(),
            6,
            "nothing staged stays behind"
        );
    }

    #[test]
    fn a_bad_key_file_is_refused_with_a_code_and_a_remedy() {
        let dir = TempDir::new();
        let path = dir.path().join("k");
        let fails = |wanted| SecretKey::load(&path, wanted).unwrap_err().to_string();
        assert!(fails(KeyKind::Project).starts_with("key-unreadable: "));
        SecretKey::create(&path, KeyKind::Project).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(fails(KeyKind::HubStorage).contains("holds a project key where a hub-storage key belongs"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(fails(KeyKind::Project).contains("mode 0644"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        for (from, to) in [("key: ", "key: A"), ("id: ", "id: 0"), ("kind: ", "sort: "), ("=\n", "\n")] {
            std::fs::write(&path, text.replace(from, to)).unwrap();
            assert!(fails(KeyKind::Project).starts_with("key-malformed: "), "{from:?} as {to:?}");
        }
    }

    #[test]
    fn a_secret_key_prints_nothing_of_itself() {
        let key = SecretKey::from_bytes(KeyKind::Project, [0x41; 32]);
        let shown = format!("{key:?}");
        assert!(!shown.contains("AAAA") && !shown.contains("4141") && !shown.contains("65"), "{shown}");
    }
}
