//! One association over a socket: a thin loop around the state machine, and the place where planned faults strike.

use crate::faults::Fault;
use bytes::BytesMut;
use dicom::association::{Association, Event, Timers};
use dicom::dimse::Command;
use dicom::pdu::Limits;
use platform::clock::{Clock as _, SystemClock};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Why a link ended before its work was done.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Socket(#[from] std::io::Error),
    /// The association ended: released, aborted, refused or lost.
    #[error("the association ended ({0})")]
    Ended(&'static str),
    /// The peer did not accept what is needed.
    #[error("no presentation context for it")]
    NoContext,
    /// A fault that was planned.
    #[error("a planned fault struck")]
    Planned,
}

/// A command with its whole data set.
pub(super) struct Message {
    pub(super) context: u8,
    pub(super) command: Command,
    pub(super) dataset: Vec<u8>,
}

pub(super) struct Link {
    stream: TcpStream,
    pub(super) association: Association,
    input: BytesMut,
    sent: u64,
    fault: Fault,
    /// The peer asked to give up the operation in progress (PS3.7 §9.3.2.3).
    pub(super) cancelled: bool,
}

impl Link {
    pub(super) fn new(stream: TcpStream, make: impl FnOnce(Limits, Timers, Duration) -> Association) -> Self {
        stream.set_nodelay(true).ok();
        let association = make(Limits::default(), Timers::default(), SystemClock.elapsed());
        Self { stream, association, input: BytesMut::new(), sent: 0, fault: Fault::None, cancelled: false }
    }

    /// Plans a fault; bytes are counted from here.
    pub(super) fn plan(&mut self, fault: Fault) {
        (self.fault, self.sent) = (fault, 0);
    }

    pub(super) fn now(&self) -> Duration {
        SystemClock.elapsed()
    }

    /// The next event; `None` when all is over.
    pub(super) async fn event(&mut self) -> Result<Option<Event>, LinkError> {
        loop {
            if let Some(event) = self.association.poll_event() {
                if event == Event::Closed {
                    self.flush().await.ok();
                    self.stream.shutdown().await.ok();
                    return Ok(None);
                }
                return Ok(Some(event));
            }
            if self.association.is_closed() {
                return Ok(None);
            }
            self.flush().await?;
            self.input.reserve(256 * 1024);
            let now = self.now();
            let wait =
                self.association.poll_timeout().map_or(Duration::from_secs(600), |at| at.saturating_sub(now));
            match tokio::time::timeout(wait, self.stream.read_buf(&mut self.input)).await {
                Err(_) => self.association.handle_timeout(self.now()),
                Ok(Ok(0) | Err(_)) => self.association.handle_closed(self.now()),
                Ok(Ok(_)) => self.association.handle_bytes(&mut self.input, SystemClock.elapsed()),
            }
        }
    }

    /// The next command with its data set; `None` when the association has ended.
    pub(super) async fn message(&mut self) -> Result<Option<Message>, LinkError> {
        while let Some(event) = self.event().await? {
            let Event::Command { context, command, has_data_set } = event else { continue };
            let mut dataset = Vec::new();
            let mut more = has_data_set;
            while more {
                match self.event().await? {
                    Some(Event::Data { bytes, last, .. }) => {
                        dataset.extend_from_slice(&bytes);
                        more = !last;
                    }
                    Some(_) => {}
                    None => return Ok(None),
                }
            }
            return Ok(Some(Message { context, command, dataset }));
        }
        Ok(None)
    }

    /// Writes what waits to be written, unless the planned fault strikes first.
    pub(super) async fn flush(&mut self) -> Result<(), LinkError> {
        while let Some(bytes) = self.association.poll_transmit(self.now()) {
            if let Fault::DropAfterBytes(limit) = self.fault
                && self.sent + bytes.len() as u64 > limit
            {
                let part = usize::try_from(limit.saturating_sub(self.sent)).unwrap_or(0);
                self.stream.write_all(&bytes[..part]).await.ok();
                return Err(LinkError::Planned);
            }
            self.sent += bytes.len() as u64;
            self.stream.write_all(&bytes).await?;
        }
        Ok(())
    }

    /// Sends a message; long data sets go out piece by piece.
    pub(super) async fn send(
        &mut self,
        context: u8,
        command: &Command,
        dataset: Option<&[u8]>,
    ) -> Result<(), LinkError> {
        let ended = |_| LinkError::Ended("cannot send");
        self.association.send_command(context, command, dataset.is_some()).map_err(ended)?;
        if let Some(dataset) = dataset {
            let mut pieces = dataset.chunks(256 * 1024).peekable();
            while let Some(piece) = pieces.next() {
                self.association.send_data(context, piece, pieces.peek().is_none()).map_err(ended)?;
                self.flush().await?;
            }
            if dataset.is_empty() {
                self.association.send_data(context, &[], true).map_err(ended)?;
            }
        }
        self.flush().await
    }

    /// Sends half an object, then A-ABORT.
    pub(super) async fn abort_within(&mut self, context: u8, command: &Command, dataset: &[u8]) -> LinkError {
        let half = &dataset[..dataset.len() / 2];
        if self.association.send_command(context, command, true).is_ok() {
            self.association.send_data(context, half, false).ok();
            self.flush().await.ok();
        }
        self.association.abort(self.now());
        while let Ok(Some(_)) = self.event().await {}
        LinkError::Planned
    }

    /// Ends the association in good order.
    pub(super) async fn release(mut self) -> Result<(), LinkError> {
        self.association.release(self.now());
        while self.event().await?.is_some() {}
        Ok(())
    }
}
