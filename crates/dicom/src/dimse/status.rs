//! Status codes (PS3.7 Annex C; PS3.4 §B.2.3, §C.4).

use std::fmt;

/// Status (0000,0900).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

/// What kind of outcome a status stands for (PS3.7 §C.1 to C.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// Done.
    Success,
    /// More responses follow.
    Pending,
    /// Done, but.
    Warning,
    /// Not done.
    Failure,
    /// Given up at the requestor's wish.
    Cancel,
}

impl Status {
    /// Success.
    pub const SUCCESS: Self = Self(0x0000);
    /// Pending (C-FIND: a match; C-GET, C-MOVE: sub-operations are going on).
    pub const PENDING: Self = Self(0xFF00);
    /// C-FIND: a match, but an optional key was not supported as asked.
    pub const PENDING_KEYS_UNSUPPORTED: Self = Self(0xFF01);
    /// Matching or sub-operations ended by C-CANCEL.
    pub const CANCEL: Self = Self(0xFE00);
    /// Attribute list warning (PS3.7 §C.4.2).
    pub const ATTRIBUTE_LIST_WARNING: Self = Self(0x0107);
    /// Processing failure.
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    /// Invalid SOP instance: its UID breaks the rules.
    pub const INVALID_SOP_INSTANCE: Self = Self(0x0117);
    /// SOP class not supported.
    pub const SOP_CLASS_NOT_SUPPORTED: Self = Self(0x0122);
    /// Not authorised.
    pub const NOT_AUTHORISED: Self = Self(0x0124);
    /// Duplicate invocation: the message id is in use.
    pub const DUPLICATE_INVOCATION: Self = Self(0x0210);
    /// Unrecognised operation.
    pub const UNRECOGNISED_OPERATION: Self = Self(0x0211);
    /// Mistyped argument.
    pub const MISTYPED_ARGUMENT: Self = Self(0x0212);
    /// Resource limitation.
    pub const RESOURCE_LIMITATION: Self = Self(0x0213);
    /// Refused: out of resources. For C-STORE: the sender keeps the instance.
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// C-GET, C-MOVE: refused, unable to calculate the number of matches.
    pub const UNABLE_TO_COUNT_MATCHES: Self = Self(0xA701);
    /// C-GET, C-MOVE: refused, unable to perform sub-operations.
    pub const UNABLE_TO_PERFORM: Self = Self(0xA702);
    /// C-MOVE: move destination unknown.
    pub const MOVE_DESTINATION_UNKNOWN: Self = Self(0xA801);
    /// C-STORE: data set does not match SOP class; C-FIND, C-GET, C-MOVE: identifier does not match SOP class.
    pub const DOES_NOT_MATCH_SOP_CLASS: Self = Self(0xA900);
    /// C-STORE: coercion of data elements; C-GET, C-MOVE: sub-operations complete, one or more failures or warnings.
    pub const WARNING: Self = Self(0xB000);
    /// C-STORE: elements discarded.
    pub const ELEMENTS_DISCARDED: Self = Self(0xB006);
    /// C-STORE: data set does not match SOP class, stored all the same.
    pub const STORED_DESPITE_MISMATCH: Self = Self(0xB007);
    /// C-STORE: cannot understand; C-FIND, C-GET, C-MOVE: unable to process. The low 12 bits are the sender's own.
    pub const UNABLE_TO_PROCESS: Self = Self(0xC000);

    /// Its class, for the services that we speak.
    pub fn class(self) -> StatusClass {
        match self.0 {
            0x0000 => StatusClass::Success,
            0xFF00 | 0xFF01 => StatusClass::Pending,
            0xFE00 => StatusClass::Cancel,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => StatusClass::Warning,
            _ => StatusClass::Failure,
        }
    }

    /// Whether more responses follow.
    pub fn is_pending(self) -> bool {
        self.class() == StatusClass::Pending
    }

    /// Success or warning: the request was carried out.
    pub fn is_done(self) -> bool {
        matches!(self.class(), StatusClass::Success | StatusClass::Warning)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}H", self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({self})")
    }
}
