//! Service class users: they ask (PS3.4 Annex A, B, C).

use super::identifier::{self, Collector};
use super::receiver::{Receiver, Reception};
use super::{Incoming, Instance, RoleError, scu_context};
use crate::association::{Association, Event};
use crate::dataset::Dataset;
use crate::dimse::{
    Command, Counts, MoveOriginator, MoveRequest, Priority, Request, Response, Status, StoreRequest,
};
use crate::tag::tags;
use crate::uid::sop_class;
use bytes::Bytes;

/// Verification (PS3.4 Annex A).
#[derive(Debug)]
pub struct Echo {
    message_id: u16,
}

impl Echo {
    /// Sends C-ECHO-RQ.
    pub fn start(association: &mut Association) -> Result<Self, RoleError> {
        let (context, _) = scu_context(association, sop_class::VERIFICATION)?;
        let request = request(association, sop_class::VERIFICATION);
        let message_id = request.message_id;
        association.send(context, &Command::EchoRq(request), None)?;
        Ok(Self { message_id })
    }

    /// The answer, when it comes.
    pub fn handle(&mut self, event: &Event) -> Option<Status> {
        answer_to(event, self.message_id).map(|response| response.status)
    }
}

/// Storage (PS3.4 Annex B): one instance, its data set in pieces from wherever it lies.
#[derive(Debug)]
pub struct Store {
    context: u8,
    message_id: u16,
    is_sent: bool,
}

impl Store {
    /// Sends C-STORE-RQ. The data set follows by [`Store::send`], whenever [`Association::wants_data`].
    pub fn start(
        association: &mut Association,
        instance: &Instance,
        move_originator: Option<MoveOriginator>,
    ) -> Result<Self, RoleError> {
        let agreed = association.agreed().ok_or(RoleError::NoContext)?;
        let context = agreed.context_for(&instance.sop_class, &instance.transfer_syntax);
        let context = context.ok_or(RoleError::NoContext)?.id;
        let message_id = association.next_message_id();
        let command = Command::StoreRq(StoreRequest {
            message_id,
            sop_class: instance.sop_class.clone(),
            sop_instance: instance.sop_instance.clone(),
            priority: Priority::Medium,
            move_originator,
        });
        association.send_command(context, &command, true)?;
        Ok(Self { context, message_id, is_sent: false })
    }

    /// Sends a piece of the data set, of any length.
    pub fn send(&mut self, association: &mut Association, bytes: &[u8], last: bool) -> Result<(), RoleError> {
        association.send_data(self.context, bytes, last)?;
        self.is_sent = last;
        Ok(())
    }

    /// The answer, when it comes. A peer may refuse before the last piece is sent: then the data set is cut short here,
    /// which ends the message, and no more of it is to be sent.
    pub fn handle(
        &mut self,
        association: &mut Association,
        event: &Event,
    ) -> Result<Option<Response>, RoleError> {
        let Some(response) = answer_to(event, self.message_id) else { return Ok(None) };
        let mut response = response.clone();
        if !self.is_sent {
            self.send(association, &[], true)?;
            // Nobody can have stored what was not sent.
            if response.status.is_done() {
                response.status = Status::UNABLE_TO_PROCESS;
            }
        }
        Ok(Some(response))
    }
}

/// Query (PS3.4 §C.4.1).
#[derive(Debug)]
pub struct Find {
    operation: Operation,
}

/// What an event means to a query.
#[derive(Debug)]
pub enum Found {
    /// Nothing yet.
    Waiting,
    /// A match.
    Match(Dataset),
    /// The last response.
    Done(Response),
}

impl Find {
    /// Sends C-FIND-RQ; `sop_class` says which information model.
    pub fn start(
        association: &mut Association,
        sop_class: &str,
        identifier: &Dataset,
    ) -> Result<Self, RoleError> {
        let request = request(association, sop_class);
        let message_id = request.message_id;
        let operation =
            Operation::start(association, sop_class, message_id, &Command::FindRq(request), identifier)?;
        Ok(Self { operation })
    }

    /// What an event means. After an `Err` about one identifier, the query goes on.
    pub fn handle(&mut self, event: &Event) -> Result<Found, RoleError> {
        Ok(match self.operation.handle(event) {
            Some((response, Some(identifier))) if response.status.is_pending() => Found::Match(identifier?),
            Some((response, _)) if !response.status.is_pending() => Found::Done(response),
            _ => Found::Waiting,
        })
    }

    /// Asks the archive to stop; its last response still comes.
    pub fn cancel(&self, association: &mut Association) -> Result<(), RoleError> {
        self.operation.cancel(association)
    }
}

/// Retrieval to some application entity (PS3.4 §C.4.2).
#[derive(Debug)]
pub struct Move {
    operation: Operation,
}

/// What an event means to a C-MOVE.
#[derive(Debug)]
pub enum Moved {
    /// Nothing yet.
    Waiting,
    /// Sub-operations are going on.
    Progress(Counts),
    /// The last response.
    Done(Outcome),
}

/// How a retrieval ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The last response: status, counts, comment.
    pub response: Response,
    /// Failed SOP Instance UID List (0008,0058), where the archive gave it.
    pub failed_instances: Vec<String>,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outcome({:?}, {} failed instances listed)", self.response, self.failed_instances.len())
    }
}

impl Move {
    /// Sends C-MOVE-RQ.
    pub fn start(
        association: &mut Association,
        sop_class: &str,
        destination: &str,
        identifier: &Dataset,
    ) -> Result<Self, RoleError> {
        let Request { message_id, sop_class: class, priority } = request(association, sop_class);
        let request =
            MoveRequest { message_id, sop_class: class, priority, destination: destination.to_owned() };
        let operation =
            Operation::start(association, sop_class, message_id, &Command::MoveRq(request), identifier)?;
        Ok(Self { operation })
    }

    /// What an event means.
    pub fn handle(&mut self, event: &Event) -> Moved {
        match self.operation.handle(event) {
            Some((response, _)) if response.status.is_pending() => Moved::Progress(response.counts),
            Some((response, identifier)) => Moved::Done(outcome(response, identifier)),
            None => Moved::Waiting,
        }
    }

    /// The message id, by which the C-STOREs that it causes name it.
    pub fn message_id(&self) -> u16 {
        self.operation.message_id
    }

    /// Asks the archive to stop; its last response still comes.
    pub fn cancel(&self, association: &mut Association) -> Result<(), RoleError> {
        self.operation.cancel(association)
    }
}

/// Retrieval over the same association (PS3.4 §C.4.3): the archive's C-STOREs come in between.
#[derive(Debug)]
pub struct Get {
    operation: Operation,
    receiver: Receiver,
}

/// What an event means to a C-GET.
pub enum Got {
    /// Nothing yet.
    Waiting,
    /// An instance begins.
    Instance(Incoming),
    /// A piece of its data set; after the last one, [`Get::answer`].
    Data {
        /// The piece.
        bytes: Bytes,
        /// The last one.
        last: bool,
    },
    /// Sub-operations are going on.
    Progress(Counts),
    /// The last response.
    Done(Outcome),
}

impl std::fmt::Debug for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiting => f.write_str("Waiting"),
            Self::Instance(incoming) => f.debug_tuple("Instance").field(incoming).finish(),
            Self::Data { bytes, last } => write!(f, "Data({} bytes, last: {last})", bytes.len()),
            Self::Progress(counts) => f.debug_tuple("Progress").field(counts).finish(),
            Self::Done(outcome) => f.debug_tuple("Done").field(outcome).finish(),
        }
    }
}

impl Get {
    /// Sends C-GET-RQ. Propose the contexts of [`super::contexts_for_get`].
    pub fn start(
        association: &mut Association,
        sop_class: &str,
        identifier: &Dataset,
    ) -> Result<Self, RoleError> {
        let request = request(association, sop_class);
        let message_id = request.message_id;
        let operation =
            Operation::start(association, sop_class, message_id, &Command::GetRq(request), identifier)?;
        Ok(Self { operation, receiver: Receiver::default() })
    }

    /// What an event means.
    pub fn handle(&mut self, association: &mut Association, event: Event) -> Result<Got, RoleError> {
        Ok(match self.receiver.handle(association, event)? {
            Reception::Begin(incoming) => Got::Instance(incoming),
            Reception::Data { bytes, last } => Got::Data { bytes, last },
            Reception::Nothing => Got::Waiting,
            Reception::NotMine(event) => match self.operation.handle(&event) {
                Some((response, _)) if response.status.is_pending() => Got::Progress(response.counts),
                Some((response, identifier)) => Got::Done(outcome(response, identifier)),
                None => Got::Waiting,
            },
        })
    }

    /// Answers the C-STORE at work: when it is durable, or at once to refuse it.
    pub fn answer(&mut self, association: &mut Association, status: Status) -> Result<(), RoleError> {
        self.receiver.answer(association, status)
    }

    /// Asks the archive to stop; its last response still comes.
    pub fn cancel(&self, association: &mut Association) -> Result<(), RoleError> {
        self.operation.cancel(association)
    }
}

/// A request with an identifier, and its responses with or without one.
#[derive(Debug)]
struct Operation {
    context: u8,
    transfer_syntax: String,
    message_id: u16,
    /// The response whose identifier is coming in.
    response: Option<Response>,
    collector: Collector,
}

impl Operation {
    fn start(
        association: &mut Association,
        sop_class: &str,
        message_id: u16,
        command: &Command,
        identifier: &Dataset,
    ) -> Result<Self, RoleError> {
        let (context, transfer_syntax) = scu_context(association, sop_class)?;
        association.send(context, command, Some(&identifier::encode(identifier, &transfer_syntax)))?;
        Ok(Self { context, transfer_syntax, message_id, response: None, collector: Collector::default() })
    }

    /// A whole response, with its identifier if it had one.
    fn handle(&mut self, event: &Event) -> Option<(Response, Option<Result<Dataset, RoleError>>)> {
        match event {
            Event::Command { command, has_data_set, .. } => {
                let response =
                    command.response().filter(|response| response.responded_to == self.message_id)?;
                if *has_data_set {
                    self.response = Some(response.clone());
                    return None;
                }
                Some((response.clone(), None))
            }
            Event::Data { context, bytes, last } if *context == self.context && self.response.is_some() => {
                self.collector.add(bytes);
                if !last {
                    return None;
                }
                let identifier = self.collector.take(&self.transfer_syntax);
                self.response.take().map(|response| (response, Some(identifier)))
            }
            _ => None,
        }
    }

    fn cancel(&self, association: &mut Association) -> Result<(), RoleError> {
        Ok(association.send(self.context, &Command::CancelRq { responded_to: self.message_id }, None)?)
    }
}

fn request(association: &mut Association, sop_class: &str) -> Request {
    Request {
        message_id: association.next_message_id(),
        sop_class: sop_class.to_owned(),
        priority: Priority::Medium,
    }
}

fn answer_to(event: &Event, message_id: u16) -> Option<&Response> {
    let Event::Command { command, .. } = event else { return None };
    command.response().filter(|response| response.responded_to == message_id)
}

fn outcome(response: Response, identifier: Option<Result<Dataset, RoleError>>) -> Outcome {
    let failed_instances = match identifier {
        Some(Ok(identifier)) => {
            identifier.texts(tags::FAILED_SOP_INSTANCE_UID_LIST).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    Outcome { response, failed_instances }
}
