//! Sealed files and columns: AES-256-GCM in chunks (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár), so
//! that a file of any size is written in one pass, read from anywhere, and no byte, chunk or end of it can be changed
//! unnoticed. The file's name is bound in: a sealed file under another's name does not open.
//!
//! Layout: magic `TRBSEAL1`, mode (1 byte), 7 zero bytes, key id (8), salt (32); then chunks of 64 KiB of plain text, each
//! followed by its 16-byte tag. The last chunk may be shorter and is marked as the last in its nonce. The file key is
//! HKDF-SHA256 of the master key with the salt; nonce = 3 zero bytes ‖ chunk number (8, big endian) ‖ last (1).
//! Mode 1: the salt is random, the master key is one of ours. Mode 2 (backups): the salt is an ephemeral X25519 public key, the
//! master key is the secret shared with the recipient, whose private half is elsewhere.

mod reader;
mod temporary;
mod writer;

pub use reader::SealedReader;
pub use temporary::SealedTemporary;
pub use writer::SealedWriter;

use crate::keys::{self, KeyId, PublicKey, SecretKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use std::fmt;
use std::io;

/// Plain bytes in a chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The AES-GCM tag after each chunk.
const TAG_BYTES: usize = 16;
const SEALED_CHUNK_BYTES: u64 = (CHUNK_BYTES + TAG_BYTES) as u64;
/// Bytes before the first chunk.
pub const HEADER_BYTES: usize = 56;
const MAGIC: &[u8; 8] = b"TRBSEAL1";
const MODE_KEY: u8 = 1;
const MODE_RECIPIENT: u8 = 2;

/// Why sealed bytes do not open. Never holds any of them.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No sealed file at all, or of a later kind.
    #[error("not a sealed file (or sealed by a newer program)")]
    NotSealed,
    /// Sealed with a key that is not this one.
    #[error("sealed with key {sealed_with}, opened with key {opened_with}")]
    WrongKey {
        /// The id in the file.
        sealed_with: KeyId,
        /// The id of the key at hand.
        opened_with: KeyId,
    },
    /// It ends inside its header or in the middle of a chunk.
    #[error("cut short: {bytes} bytes cannot be a whole sealed file")]
    Truncated {
        /// Its length.
        bytes: u64,
    },
    /// Changed, cut, extended, or another file's.
    #[error(
        "chunk {chunk} of {chunks} is not what was sealed under this name (changed, cut, extended, or another's)"
    )]
    Tampered {
        /// The chunk, from 0.
        chunk: u64,
        /// Of so many, as the length says.
        chunks: u64,
    },
    /// A sealed column that was changed or belongs to another place.
    #[error("column {table}.{column}: not what was sealed for this row")]
    Column {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// Reading or writing failed.
    #[error("sealed file: {0}")]
    Io(io::Error),
    /// The machine gave no randomness, or the recipient's key is no point on the curve.
    #[error("no key could be made for the file")]
    NoKey,
}

/// A sealed reader below may have passed its own error up through `std::io`: it is taken out again.
impl From<io::Error> for SealError {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Io)
    }
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Io(e) => e,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// A key ready for sealing. Cheap to clone; prints its id only.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    master: SecretKey,
    columns: LessSafeKey,
}

impl SealingKey {
    /// Prepares a key (usually of kind `HubStorage`).
    pub fn new(master: SecretKey) -> Self {
        let columns = derive(master.expose(), &[], b"tributary columns 1");
        Self { id: master.id(), master, columns }
    }

    /// Its name, which every sealed file and column carries.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Seals a value for one place only: a row and column of a table.
    pub fn seal_column(
        &self,
        table: &str,
        row: &str,
        column: &str,
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let nonce = keys::random::<NONCE_LEN>().map_err(|_| SealError::NoKey)?;
        let mut sealed = Vec::with_capacity(8 + NONCE_LEN + value.len() + TAG_BYTES);
        sealed.extend_from_slice(self.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        let mut text = value.to_vec();
        let aad = Aad::from(place(table, row, column));
        let sealing =
            self.columns.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text);
        sealing.map_err(|_| SealError::NoKey)?;
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens a value that was sealed for this very place.
    pub fn open_column(
        &self,
        table: &'static str,
        row: &str,
        column: &'static str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let failed = || SealError::Column { table, column };
        let (id, rest) = sealed.split_first_chunk::<8>().ok_or_else(failed)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(failed)?;
        if id != self.id.as_bytes() {
            return Err(SealError::WrongKey { sealed_with: KeyId::from_bytes(*id), opened_with: self.id });
        }
        let mut text = text.to_vec();
        let aad = Aad::from(place(table, row, column));
        let opening = self.columns.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut text);
        let bytes = opening.map_err(|_| failed())?.len();
        text.truncate(bytes);
        Ok(text)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

/// The place a column value belongs to; lengths first, so that no two places read the same.
fn place(table: &str, row: &str, column: &str) -> Vec<u8> {
    let mut place = Vec::with_capacity(24 + table.len() + row.len() + column.len());
    for part in [table, row, column] {
        place.extend_from_slice(&(part.len() as u64).to_be_bytes());
        place.extend_from_slice(part.as_bytes());
    }
    place
}

/// One file's key, and the name that each chunk is bound to.
struct FileKey {
    key: LessSafeKey,
    name: Box<[u8]>,
}

impl FileKey {
    fn nonce(chunk: u64, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[3..11].copy_from_slice(&chunk.to_be_bytes());
        nonce[11] = u8::from(last);
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&self, chunk: u64, last: bool, text: &mut Vec<u8>) -> Result<(), SealError> {
        let aad = Aad::from(&self.name);
        self.key.seal_in_place_append_tag(Self::nonce(chunk, last), aad, text).map_err(|_| SealError::NoKey)
    }

    /// Opens in place; the plain bytes stand at the front afterwards.
    fn open(&self, chunk: u64, last: bool, sealed: &mut [u8]) -> Option<usize> {
        let aad = Aad::from(&self.name);
        self.key.open_in_place(Self::nonce(chunk, last), aad, sealed).ok().map(|text| text.len())
    }
}

/// A new file's header and key, for a reader who has the same key.
fn header_for_key(key: &SealingKey, name: &str) -> Result<([u8; HEADER_BYTES], FileKey), SealError> {
    let salt = keys::random::<32>().map_err(|_| SealError::NoKey)?;
    let header = header(MODE_KEY, key.id, &salt);
    Ok((header, FileKey { key: derive(key.master.expose(), &salt, &header), name: name.as_bytes().into() }))
}

/// A new file's header and key, for a recipient whose private half is elsewhere.
fn header_for_recipient(
    recipient: &PublicKey,
    name: &str,
) -> Result<([u8; HEADER_BYTES], FileKey), SealError> {
    let ephemeral = x25519_dalek::StaticSecret::from(keys::random::<32>().map_err(|_| SealError::NoKey)?);
    let shared = ephemeral.diffie_hellman(&x25519_dalek::PublicKey::from(*recipient.as_bytes()));
    if !shared.was_contributory() {
        return Err(SealError::NoKey);
    }
    let header = header(MODE_RECIPIENT, recipient.id(), x25519_dalek::PublicKey::from(&ephemeral).as_bytes());
    let key = derive(shared.as_bytes(), recipient.as_bytes(), &header);
    Ok((header, FileKey { key, name: name.as_bytes().into() }))
}

/// The key of an existing file, found from its header.
fn file_key(header: &[u8; HEADER_BYTES], master: &SecretKey, name: &str) -> Result<FileKey, SealError> {
    let (mode, id, salt) = read_header(header)?;
    if id != master.id() {
        return Err(SealError::WrongKey { sealed_with: id, opened_with: master.id() });
    }
    let key = if mode == MODE_KEY {
        derive(master.expose(), &salt, header)
    } else {
        let recipient = master.public().ok_or(SealError::NotSealed)?;
        let private = x25519_dalek::StaticSecret::from(*master.expose());
        let shared = private.diffie_hellman(&x25519_dalek::PublicKey::from(salt));
        derive(shared.as_bytes(), recipient.as_bytes(), header)
    };
    Ok(FileKey { key, name: name.as_bytes().into() })
}

fn header(mode: u8, id: KeyId, salt: &[u8; 32]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8] = mode;
    header[16..24].copy_from_slice(id.as_bytes());
    header[24..].copy_from_slice(salt);
    header
}

fn read_header(header: &[u8; HEADER_BYTES]) -> Result<(u8, KeyId, [u8; 32]), SealError> {
    let (mode, mut id, mut salt) = (header[8], [0; 8], [0; 32]);
    if &header[..8] != MAGIC || !(mode == MODE_KEY || mode == MODE_RECIPIENT) {
        return Err(SealError::NotSealed);
    }
    id.copy_from_slice(&header[16..24]);
    salt.copy_from_slice(&header[24..]);
    Ok((mode, KeyId::from_bytes(id), salt))
}

/// HKDF-SHA256 (RFC 5869). The header is the context, so a changed header gives another key.
fn derive(master: &[u8; 32], salt: &[u8], context: &[u8]) -> LessSafeKey {
    let context = [context];
    let prk = Salt::new(HKDF_SHA256, salt).extract(master);
    let okm = prk.expand(&context, &AES_256_GCM);
    // HKDF-SHA256 gives up to 8,160 bytes; the algorithm asks for 32.
    okm.map(|okm| LessSafeKey::new(UnboundKey::from(okm)))
        .unwrap_or_else(|_| unreachable!("32 bytes of HKDF-SHA256"))
}

#[cfg(test)]
mod tests;
