//! Protocol data units (PS3.8 §9.3): what they hold, how they are read from and written to bytes.
//!
//! Reading is lenient where the standard says "shall not be tested" and where sub-items are unknown, and
//! strict about lengths: a length is checked against [`Limits`] before anything waits for, or allocates, that much.
//! P-DATA-TF bodies are sliced from the input, never copied.

mod items;
mod read;
mod title;
mod write;

use bytes::Bytes;

pub use read::{PduError, read};
pub use title::{AeTitle, InvalidAeTitle};
pub use write::{data_header, write};

/// The one application context name of DICOM (PS3.7 Annex A).
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Presentation context ids are the odd numbers 1 to 255 (PS3.8 §7.1.1.13).
pub const CONTEXTS_MAX: usize = 128;
/// PDU type, reserved byte and length (PS3.8 §9.3.1).
pub const PDU_HEADER_BYTES: usize = 6;
/// PDV length, context id and message control header (PS3.8 §9.3.5.1, Annex E.2).
pub const PDV_HEADER_BYTES: usize = 6;

/// How much a peer may ask us to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest P-DATA-TF that we take, and tell the peer so (PS3.8 Annex D.1).
    pub pdu_bytes_max: u32,
    /// The longest A-ASSOCIATE-RQ or -AC.
    pub associate_bytes_max: u32,
    /// The longest command set, its fragments put together.
    pub command_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pdu_bytes_max: 256 * 1024, associate_bytes_max: 512 * 1024, command_bytes_max: 64 * 1024 }
    }
}

/// A protocol data unit (PS3.8 Table 9-10's PDU events).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pdu {
    /// A-ASSOCIATE-RQ (§9.3.2).
    AssociateRq(AssociateRq),
    /// A-ASSOCIATE-AC (§9.3.3).
    AssociateAc(AssociateAc),
    /// A-ASSOCIATE-RJ (§9.3.4).
    AssociateRj(Rejection),
    /// P-DATA-TF (§9.3.5).
    Data(DataValues),
    /// A-RELEASE-RQ (§9.3.6).
    ReleaseRq,
    /// A-RELEASE-RP (§9.3.7).
    ReleaseRp,
    /// A-ABORT (§9.3.8).
    Abort(AbortSource),
}

/// A-ASSOCIATE-RQ (PS3.8 §9.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateRq {
    /// Bit 0 stands for version 1; no other bit is tested.
    pub protocol_version: u16,
    /// Whom the requestor wants.
    pub called_ae: AeTitle,
    /// Who the requestor says it is.
    pub calling_ae: AeTitle,
    /// The application context name.
    pub application_context: String,
    /// What the requestor proposes.
    pub contexts: Vec<ProposedContext>,
    /// The user information item.
    pub user: UserInformation,
}

/// A-ASSOCIATE-AC (PS3.8 §9.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateAc {
    /// Echoed from the request; not to be tested.
    pub called_ae: AeTitle,
    /// Echoed from the request; not to be tested.
    pub calling_ae: AeTitle,
    /// An answer per proposed context.
    pub contexts: Vec<ContextResult>,
    /// The user information item.
    pub user: UserInformation,
}

/// A proposed presentation context (PS3.8 §9.3.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedContext {
    /// Odd, 1 to 255.
    pub id: u8,
    /// The SOP class.
    pub abstract_syntax: String,
    /// In the requestor's order of preference.
    pub transfer_syntaxes: Vec<String>,
}

/// The answer to a proposed context (PS3.8 §9.3.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextResult {
    /// The id of the proposal.
    pub id: u8,
    /// The transfer syntax accepted, or why none was.
    pub result: Result<String, ContextRefusal>,
}

/// Why a presentation context was refused (PS3.8 Table 9-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextRefusal {
    /// 1: user rejection.
    User,
    /// 2: no reason given, and anything that the standard does not list.
    NoReason,
    /// 3: abstract syntax not supported.
    AbstractSyntaxNotSupported,
    /// 4: transfer syntaxes not supported.
    TransferSyntaxesNotSupported,
}

/// The sub-items of user information that we know (PS3.8 Annex D, PS3.7 Annex D.3.3).
///
/// Asynchronous operations, extended negotiation and user identity are read over: none is answered, which the
/// standard defines as declining them. Credentials of a user identity item are never kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserInformation {
    /// The longest P-DATA-TF that the sender of this item takes; 0 = no limit. `None` where it did not say.
    pub pdu_bytes_max: Option<u32>,
    /// Implementation Class UID.
    pub implementation_class: String,
    /// Implementation Version Name, at most 16 characters.
    pub implementation_version: String,
    /// SCP/SCU role selection, one per SOP class (PS3.7 §D.3.3.4).
    pub roles: Vec<RoleSelection>,
}

/// SCP/SCU role selection of one SOP class (PS3.7 §D.3.3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSelection {
    /// The SOP class.
    pub sop_class: String,
    /// The roles of the association requestor.
    pub requestor: Roles,
}

/// The roles that the association *requestor* takes for a SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// It sends requests.
    pub scu: bool,
    /// It serves requests.
    pub scp: bool,
}

impl Roles {
    /// Without negotiation the requestor is the SCU.
    pub const DEFAULT: Self = Self { scu: true, scp: false };
    /// What C-GET needs of a storage class: the requestor receives the sub-operations.
    pub const SCP: Self = Self { scu: false, scp: true };
    /// Both ways.
    pub const BOTH: Self = Self { scu: true, scp: true };
}

/// A-ASSOCIATE-RJ: result, source and reason (PS3.8 Table 9-21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// Whether to try again later.
    pub result: RejectResult,
    /// Source and reason.
    pub reason: RejectReason,
}

/// PS3.8 Table 9-21, Result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectResult {
    /// 1: rejected-permanent.
    Permanent,
    /// 2: rejected-transient.
    Transient,
}

/// PS3.8 Table 9-21, Source and Reason/Diag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// (1, 1) service user: no reason given.
    NoReason,
    /// (1, 2) service user: application context name not supported.
    ApplicationContextNotSupported,
    /// (1, 3) service user: calling AE title not recognised.
    CallingAeNotRecognised,
    /// (1, 7) service user: called AE title not recognised.
    CalledAeNotRecognised,
    /// (2, 1) service provider, ACSE: no reason given.
    ProviderNoReason,
    /// (2, 2) service provider, ACSE: protocol version not supported.
    ProtocolVersionNotSupported,
    /// (3, 1) service provider, presentation: temporary congestion.
    TemporaryCongestion,
    /// (3, 2) service provider, presentation: local limit exceeded.
    LocalLimitExceeded,
    /// Anything else, as received.
    Other {
        /// The source.
        source: u8,
        /// The reason.
        reason: u8,
    },
}

impl Rejection {
    /// We do not answer to that AE title.
    pub const UNKNOWN_CALLED_AE: Self =
        Self { result: RejectResult::Permanent, reason: RejectReason::CalledAeNotRecognised };
    /// We do not know who is calling.
    pub const UNKNOWN_CALLING_AE: Self =
        Self { result: RejectResult::Permanent, reason: RejectReason::CallingAeNotRecognised };
    /// Too many associations at the moment.
    pub const CONGESTED: Self =
        Self { result: RejectResult::Transient, reason: RejectReason::TemporaryCongestion };
}

/// Who aborted, and why (PS3.8 Table 9-26).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortSource {
    /// 0: the service user.
    User,
    /// 2: the service provider.
    Provider(AbortReason),
}

/// PS3.8 Table 9-26, Reason/Diag of a provider's abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortReason {
    /// 0: reason not specified, and anything that the standard does not list.
    NotSpecified,
    /// 1: unrecognised PDU.
    UnrecognisedPdu,
    /// 2: unexpected PDU.
    UnexpectedPdu,
    /// 4: unrecognised PDU parameter.
    UnrecognisedParameter,
    /// 5: unexpected PDU parameter.
    UnexpectedParameter,
    /// 6: invalid PDU parameter value.
    InvalidParameter,
}

/// The presentation data values of one P-DATA-TF, their headers already checked (PS3.8 §9.3.5.1).
#[derive(Clone, PartialEq, Eq)]
pub struct DataValues {
    body: Bytes,
}

/// One presentation data value (PS3.8 §9.3.5.1, Annex E.2).
#[derive(Clone, PartialEq, Eq)]
pub struct DataValue {
    /// The presentation context id.
    pub context: u8,
    /// A fragment of a command set; else of a data set.
    pub is_command: bool,
    /// The last fragment.
    pub is_last: bool,
    /// The fragment, a slice of what was read.
    pub bytes: Bytes,
}

impl std::fmt::Debug for DataValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataValues({} bytes)", self.body.len())
    }
}

impl std::fmt::Debug for DataValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataValue")
            .field("context", &self.context)
            .field("is_command", &self.is_command)
            .field("is_last", &self.is_last)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
