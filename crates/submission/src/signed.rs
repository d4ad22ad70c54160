//! Signed documents: an envelope that keeps the exact bytes of its payload, and Ed25519 (RFC 8032) over them.
//!
//! The signature covers the kind and the version of the document beside its bytes, so that a clearance can never pass
//! for a receipt, nor a document of one version for another. A payload is read only after its signature was checked.

use crate::digest::Digest;
use data_encoding::HEXLOWER;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// A document that can be signed.
pub trait Document: Serialize + DeserializeOwned {
    /// What kind it is, e.g. `clearance`.
    const KIND: &'static str;
    /// Raised when its meaning changes.
    const VERSION: u32;
}

/// Why a signed document is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The bytes are no envelope.
    #[error("not a signed document")]
    NotSigned,
    /// It is another kind of document.
    #[error("another kind of document than expected")]
    OtherKind,
    /// It is of a version that this program does not know.
    #[error("a document of an unknown version")]
    OtherVersion,
    /// Its key is not among the pinned ones.
    #[error("signed with a key that is not pinned")]
    Stranger,
    /// The signature does not belong to these bytes.
    #[error("the signature does not match the document")]
    Forged,
    /// The signature holds, but the payload is not what its kind says.
    #[error("the signed payload does not have the form of its kind")]
    Malformed,
}

/// Key material that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key")]
pub struct InvalidKey;

/// The name of a public key: the first 16 hexadecimal digits of its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

/// An Ed25519 public key, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

/// An Ed25519 private key that signs documents. It never prints.
pub struct Signer {
    key_id: KeyId,
    pair: Ed25519KeyPair,
}

/// The public keys that a house trusts; several while one is being replaced by the next.
#[derive(Debug, Clone, Default)]
pub struct PinnedKeys(Vec<(KeyId, PublicKey)>);

/// A signed document as it lies in the bucket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Signed<T> {
    kind: String,
    version: u32,
    payload: Box<RawValue>,
    key_id: KeyId,
    signature: String,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl KeyId {
    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PublicKey {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| InvalidKey)?;
        bytes.try_into().map(Self).map_err(|_| InvalidKey)
    }

    /// The key's 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&self.0).to_string()[..16].to_owned())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl TryFrom<String> for PublicKey {
    type Error = InvalidKey;
    fn try_from(text: String) -> Result<Self, InvalidKey> {
        Self::parse(&text)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl Signer {
    /// The key of a 32-byte seed (RFC 8032 §5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, InvalidKey> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self::of_pair).map_err(|_| InvalidKey)
    }

    /// The key of a PKCS#8 document (RFC 8410), with or without its public half.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, InvalidKey> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self::of_pair).map_err(|_| InvalidKey)
    }

    /// The public half, for the other house to pin.
    pub fn public_key(&self) -> PublicKey {
        public_half(&self.pair)
    }

    /// The name of its public half.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    fn of_pair(pair: Ed25519KeyPair) -> Self {
        Self { key_id: public_half(&pair).id(), pair }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key_id)
    }
}

impl PinnedKeys {
    /// Trusts these keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self(keys.into_iter().map(|key| (key.id(), key)).collect())
    }

    fn get(&self, id: &KeyId) -> Option<&PublicKey> {
        self.0.iter().find(|(pinned, _)| pinned == id).map(|(_, key)| key)
    }
}

impl<T: Document> Signed<T> {
    /// Signs a document.
    pub fn sign(document: &T, signer: &Signer) -> Result<Self, SignatureError> {
        let payload = serde_json::value::to_raw_value(document).map_err(|_| SignatureError::Malformed)?;
        let signature = signer.pair.sign(&message::<T>(payload.get()));
        Ok(Self {
            kind: T::KIND.to_owned(),
            version: T::VERSION,
            payload,
            key_id: signer.key_id.clone(),
            signature: HEXLOWER.encode(signature.as_ref()),
            of: PhantomData,
        })
    }

    /// The document, if one of these keys signed exactly these bytes.
    pub fn verify(&self, keys: &PinnedKeys) -> Result<T, SignatureError> {
        if self.kind != T::KIND {
            return Err(SignatureError::OtherKind);
        }
        if self.version != T::VERSION {
            return Err(SignatureError::OtherVersion);
        }
        let key = keys.get(&self.key_id).ok_or(SignatureError::Stranger)?;
        let signature = HEXLOWER.decode(self.signature.as_bytes()).map_err(|_| SignatureError::Forged)?;
        UnparsedPublicKey::new(&ED25519, key.0)
            .verify(&message::<T>(self.payload.get()), &signature)
            .map_err(|_| SignatureError::Forged)?;
        serde_json::from_str(self.payload.get()).map_err(|_| SignatureError::Malformed)
    }

    /// What it says, with nobody's word for it: only to name it where it is refused, or for who has signed it just now.
    pub fn claims(&self) -> Result<T, SignatureError> {
        serde_json::from_str(self.payload.get()).map_err(|_| SignatureError::Malformed)
    }

    /// The name of the key that it says signed it.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The envelope's bytes, to be put into the bucket or a row.
    pub fn to_json(&self) -> Result<Vec<u8>, SignatureError> {
        serde_json::to_vec(self).map_err(|_| SignatureError::Malformed)
    }

    /// Reads an envelope; nothing in it is believed until `verify`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SignatureError> {
        serde_json::from_slice(bytes).map_err(|_| SignatureError::NotSigned)
    }
}

impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({} v{}, key {})", self.kind, self.version, self.key_id)
    }
}

/// Two envelopes are equal when their bytes are.
impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        let parts = |s: &Self| (s.kind.clone(), s.version, s.key_id.clone(), s.signature.clone());
        parts(self) == parts(other) && self.payload.get() == other.payload.get()
    }
}

/// What is signed: a fixed opening, the kind, the version, then the payload, byte for byte.
fn message<T: Document>(payload: &str) -> Vec<u8> {
    format!("tributary signed document\n{}\n{}\n{payload}", T::KIND, T::VERSION).into_bytes()
}

fn public_half(pair: &Ed25519KeyPair) -> PublicKey {
    let mut key = [0; 32];
    key.copy_from_slice(pair.public_key().as_ref());
    PublicKey(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: String,
    }
    impl Document for Note {
        const KIND: &'static str = "note";
        const VERSION: u32 = 1;
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Other {
        text: String,
    }
    impl Document for Other {
        const KIND: &'static str = "other";
        const VERSION: u32 = 1;
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct NoteV2 {
        text: String,
    }
    impl Document for NoteV2 {
        const KIND: &'static str = "note";
        const VERSION: u32 = 2;
    }

    fn signer(seed: u8) -> Signer {
        Signer::from_seed(&[seed; 32]).unwrap()
    }

    #[test]
    fn the_envelope_is_as_written_here() {
        let signed = Signed::sign(&Note { text: "a".into() }, &signer(1)).unwrap();
        let golden = concat!(
            r#"{"kind":"note","version":1,"payload":{"text":"a"},"key_id":"34750f98bd59fcfc","signature":""#,
            "95b6bf489cbd447b95de217a76c75b88ac9dc25ae8f5526ea54e51a59007899f1dd867575ea0fb1da32d727486a92209867423387c7da09a89e1ba1b9cfab402\"}",
        );
        assert_eq!(String::from_utf8(signed.to_json().unwrap()).unwrap(), golden);
    }

    #[test]
    fn a_key_pinned_beside_its_successor_still_verifies() {
        let old = Signed::sign(&Note { text: "a".into() }, &signer(1)).unwrap();
        let both = PinnedKeys::new([signer(2).public_key(), signer(1).public_key()]);
        assert_eq!(old.verify(&both), Ok(Note { text: "a".into() }));
        let next_only = PinnedKeys::new([signer(2).public_key()]);
        assert_eq!(old.verify(&next_only), Err(SignatureError::Stranger));
    }

    #[test]
    fn one_kind_or_version_never_passes_for_another() {
        let keys = PinnedKeys::new([signer(1).public_key()]);
        let json = Signed::sign(&Note { text: "a".into() }, &signer(1)).unwrap().to_json().unwrap();
        assert_eq!(Signed::<Other>::from_json(&json).unwrap().verify(&keys), Err(SignatureError::OtherKind));
        assert_eq!(
            Signed::<NoteV2>::from_json(&json).unwrap().verify(&keys),
            Err(SignatureError::OtherVersion)
        );
        let renamed = String::from_utf8(json).unwrap().replace(r#""kind":"note""#, r#""kind":"other""#);
        let renamed = Signed::<Other>::from_json(renamed.as_bytes()).unwrap();
        assert_eq!(renamed.verify(&keys), Err(SignatureError::Forged));
    }

    #[test]
    fn unknown_fields_are_refused_inside_and_out() {
        #[derive(Serialize, Deserialize)]
        struct Wide {
            text: String,
            more: u8,
        }
        impl Document for Wide {
            const KIND: &'static str = "note";
            const VERSION: u32 = 1;
        }
        let keys = PinnedKeys::new([signer(1).public_key()]);
        let wide = Signed::sign(&Wide { text: "a".into(), more: 1 }, &signer(1)).unwrap().to_json().unwrap();
        let read = Signed::<Note>::from_json(&wide).unwrap();
        assert_eq!(read.verify(&keys), Err(SignatureError::Malformed));
        let outside = String::from_utf8(wide).unwrap().replacen('{', r#"{"x":1,"#, 1);
        assert_eq!(Signed::<Note>::from_json(outside.as_bytes()).unwrap_err(), SignatureError::NotSigned);
    }

    proptest! {
        #[test]
        fn a_signed_document_comes_back_as_it_was(text in ".{0,40}", seed: [u8; 32]) {
            let signer = Signer::from_seed(&seed).unwrap();
            let note = Note { text };
            let json = Signed::sign(&note, &signer).unwrap().to_json().unwrap();
            let read = Signed::<Note>::from_json(&json).unwrap();
            prop_assert_eq!(&read.to_json().unwrap(), &json);
            prop_assert_eq!(read.verify(&PinnedKeys::new([signer.public_key()])), Ok(note));
        }

        #[test]
        fn any_changed_byte_refuses(at: prop::sample::Index, flip in 1_u8..=255) {
            let keys = PinnedKeys::new([signer(1).public_key()]);
            let mut json = Signed::sign(&Note { text: "hello".into() }, &signer(1)).unwrap().to_json().unwrap();
            let at = at.index(json.len());
            json[at] ^= flip;
            let taken = Signed::<Note>::from_json(&json).and_then(|read| read.verify(&keys));
            prop_assert!(taken.is_err());
        }
    }

    #[test]
    fn a_signer_never_prints_its_key() {
        assert_eq!(format!("{:?}", signer(1)), "Signer(34750f98bd59fcfc)");
    }
}
