//! Our application entity: the sockets, threads and TLS around `dicom::association`, as acceptor and as requestor.
//!
//! One thread drives one association and does its file work itself, so a slow disk pushes back on the sender and nobody else.

mod client;
mod link;
mod server;
mod tls;

pub use client::{Client, Holding, Retrieved};
pub use server::{Acceptor, Peers};
pub(crate) use tls::acceptor as tls_acceptor;
pub use tls::{TlsFault, check_tls};

use crate::pipeline::receive::{Announced, ReceiveError, Receiver, Receiving};
use dicom::association::{Cause, Timers};
use dicom::dimse::Status;
use dicom::pdu::{Limits, Rejection};
use dicom::roles::{Incoming, RoleError};
use std::io;
use std::time::Duration;

/// Talking to an archive failed. No variant holds a value of a data set.
#[derive(Debug, thiserror::Error)]
pub enum AeError {
    /// It cannot be reached.
    #[error("no connection to {host}:{port}: {error}")]
    Unreachable {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// Why.
        error: io::Error,
    },
    /// Its certificate, or ours.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// It refused the association.
    #[error("the association was refused: {0:?}")]
    Rejected(Rejection),
    /// The association broke.
    #[error("the association broke: {0}")]
    Broken(Cause),
    /// It ended before the answer.
    #[error("the association ended before the answer came")]
    Ended,
    /// A service it does not offer, or an answer nobody can read.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// It answered with a failure.
    #[error("the archive answered status {0}")]
    Failed(Status),
}

/// Timers for a peer.
fn timers(association_s: u32, answer_s: u32, idle_s: u32) -> Timers {
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    Timers {
        associate: seconds(association_s),
        artim: seconds(association_s),
        response: seconds(answer_s),
        idle: seconds(idle_s),
        ..Timers::default()
    }
}

fn pdu_limits(pdu_bytes_max: u32) -> Limits {
    Limits { pdu_bytes_max, ..Limits::default() }
}

/// The storing half of an association: one object at a time, from its request to the status it is answered with.
struct Storing {
    receiver: Receiver,
    source: String,
    calling_ae: String,
    open: Option<Result<Receiving, ReceiveError>>,
    stored: u64,
}

impl Storing {
    fn new(receiver: &Receiver, source: &str, calling_ae: &str) -> Self {
        Self {
            receiver: receiver.clone(),
            source: source.into(),
            calling_ae: calling_ae.into(),
            open: None,
            stored: 0,
        }
    }

    fn begin(&mut self, incoming: &Incoming) {
        self.open = Some(self.receiver.begin(&Announced {
            source: &self.source,
            calling_ae: &self.calling_ae,
            sop_class: &incoming.request.sop_class,
            sop_instance: &incoming.request.sop_instance,
            transfer_syntax: &incoming.transfer_syntax,
        }));
    }

    /// Takes a piece; after the last one, the status to answer. Success is said only of what is durable.
    fn data(&mut self, bytes: &[u8], last: bool) -> Option<Status> {
        let Some(Ok(receiving)) = &mut self.open else {
            return last.then(|| self.finish());
        };
        if let Err(error) = receiving.data(bytes) {
            self.open = Some(Err(error));
        }
        last.then(|| self.finish())
    }

    fn finish(&mut self) -> Status {
        let done = match self.open.take() {
            Some(Ok(receiving)) => receiving.finish(),
            Some(Err(error)) => Err(error),
            None => return Status::UNABLE_TO_PROCESS,
        };
        match done {
            Ok(()) => {
                self.stored += 1;
                Status::SUCCESS
            }
            Err(error) => {
                tracing::warn!(source = %self.source, %error, "object not stored; its sender keeps it");
                error.status()
            }
        }
    }
}
