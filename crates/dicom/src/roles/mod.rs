//! What application entities do for one another (PS3.4 Annex A, B, C), as pure logic over an [`Association`].
//!
//! A driver takes each [event](crate::association::Event) from the association and hands it to the role at work:
//!
//! * requestor: [`scu::Echo`], [`scu::Store`], [`scu::Find`], [`scu::Move`], [`scu::Get`]: `start` sends the request,
//!   `handle` says what an event means for it, until it is done;
//! * acceptor: one [`scp::Provider`] per association answers C-ECHO by itself and says what else is asked; a query is
//!   then served by [`scp::Find`], [`scp::Get`] or [`scp::Move`], a C-STORE by its pieces and one `answer_store`.
//!
//! No role holds an instance: data sets go through in pieces, as received.

mod contexts;
mod identifier;
mod receiver;
pub mod scp;
pub mod scu;

use crate::association::{Association, Negotiated, SendError};
use crate::part10::ReadError;

pub use contexts::{accept, accept_storage, contexts_for_get, is_storage_class};
pub use identifier::IDENTIFIER_BYTES_MAX;
pub use receiver::Incoming;

/// A role cannot go on. The association is still good unless the driver aborts it.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The peer accepted no presentation context for this.
    #[error("no accepted presentation context for this SOP class and transfer syntax")]
    NoContext,
    /// The association does not take it.
    #[error(transparent)]
    Send(#[from] SendError),
    /// An identifier longer than [`IDENTIFIER_BYTES_MAX`].
    #[error("identifier longer than {IDENTIFIER_BYTES_MAX} bytes")]
    IdentifierTooLong,
    /// An identifier that is no data set.
    #[error("identifier cannot be read")]
    Identifier(#[from] ReadError),
}

/// What is known of an instance before it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Instance {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// The transfer syntax of the data set as it lies ready.
    pub transfer_syntax: String,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("sop_class", &self.sop_class)
            .field("transfer_syntax", &self.transfer_syntax)
            .finish_non_exhaustive()
    }
}

/// The first context in which we may send requests of a SOP class: its id and transfer syntax.
fn scu_context(association: &Association, sop_class: &str) -> Result<(u8, String), RoleError> {
    let context = association.agreed().and_then(|agreed: &Negotiated| agreed.scu_contexts(sop_class).next());
    context.map(|context| (context.id, context.transfer_syntax.clone())).ok_or(RoleError::NoContext)
}

#[cfg(test)]
mod tests;
