//! Two associations in one thread, joined by two buffers, with a clock that jumps to the next timeout.

use super::{Association, ContextRequest, Event, Proposal, Request, Timers};
use crate::pdu::{AeTitle, Limits};
use bytes::BytesMut;
use std::time::Duration;

/// A requestor, an acceptor, the wires between them and the time.
pub(crate) struct Pair {
    pub(crate) requestor: Association,
    pub(crate) acceptor: Association,
    pub(crate) now: Duration,
    /// While set, nothing that the acceptor says gets through.
    pub(crate) acceptor_is_mute: bool,
    to_requestor: BytesMut,
    to_acceptor: BytesMut,
}

pub(crate) fn limits(pdu_bytes_max: u32) -> Limits {
    Limits { pdu_bytes_max, ..Limits::default() }
}

pub(crate) fn request(contexts: Vec<ContextRequest>) -> Request {
    Request {
        calling_ae: AeTitle::parse("SCU").unwrap(),
        called_ae: AeTitle::parse("ARCHIVE").unwrap(),
        contexts,
    }
}

impl Pair {
    pub(crate) fn new(contexts: Vec<ContextRequest>, requestor: Limits, acceptor: Limits) -> Self {
        let now = Duration::from_secs(1_000);
        let timers = Timers::default();
        Self {
            requestor: Association::request(&request(contexts), requestor, timers, now),
            acceptor: Association::accept(acceptor, timers, now),
            now,
            acceptor_is_mute: false,
            to_requestor: BytesMut::new(),
            to_acceptor: BytesMut::new(),
        }
    }

    /// A pair whose association is established, each proposed context answered by `answer`.
    pub(crate) fn established(
        contexts: Vec<ContextRequest>,
        requestor: Limits,
        acceptor: Limits,
        answer: impl FnOnce(&Proposal) -> super::Decision,
    ) -> Self {
        let mut pair = Self::new(contexts, requestor, acceptor);
        pair.carry();
        let Some(Event::Requested(proposal)) = pair.acceptor.poll_event() else {
            panic!("no request arrived")
        };
        pair.acceptor.respond(&answer(&proposal), pair.now);
        assert!(matches!(pair.acceptor.poll_event(), Some(Event::Established(_))));
        pair.carry();
        assert!(matches!(pair.requestor.poll_event(), Some(Event::Established(_))));
        pair
    }

    /// Carries bytes both ways until none are left; whether there were any.
    pub(crate) fn carry(&mut self) -> bool {
        let mut any = false;
        loop {
            let mut moved = false;
            if let Some(bytes) = self.requestor.poll_transmit(self.now) {
                self.to_acceptor.extend_from_slice(&bytes);
                self.acceptor.handle_bytes(&mut self.to_acceptor, self.now);
                moved = true;
            }
            if let Some(bytes) = self.acceptor.poll_transmit(self.now)
                && !self.acceptor_is_mute
            {
                self.to_requestor.extend_from_slice(&bytes);
                self.requestor.handle_bytes(&mut self.to_requestor, self.now);
                moved = true;
            }
            if !moved {
                return any;
            }
            any = true;
        }
    }

    /// Lets the time jump to the next timeout of either side; how far.
    pub(crate) fn jump(&mut self) -> Duration {
        let next = [self.requestor.poll_timeout(), self.acceptor.poll_timeout()].into_iter().flatten().min();
        let before = self.now;
        self.now = next.expect("nobody waits for anything").max(before);
        self.requestor.handle_timeout(self.now);
        self.acceptor.handle_timeout(self.now);
        self.now - before
    }

    pub(crate) fn requestor_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.requestor.poll_event()).collect()
    }

    pub(crate) fn acceptor_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.acceptor.poll_event()).collect()
    }
}
