//! Service class providers: they answer (PS3.4 Annex A, B, C).

use super::identifier::{self, Collector};
use super::receiver::{Receiver, Reception};
use super::scu::Store;
use super::{Incoming, Instance, RoleError};
use crate::association::{Association, Event};
use crate::dataset::Dataset;
use crate::dimse::{Command, Counts, MoveOriginator, Response, Status, StatusClass};
use crate::tag::{VR, tags};
use bytes::Bytes;

/// The acceptor's side of an association, whatever is asked on it.
#[derive(Debug, Default)]
pub struct Provider {
    receiver: Receiver,
    /// The query whose identifier is coming in.
    query: Option<Question>,
}

/// What an event asks of us.
pub enum Asked {
    /// Nothing: dealt with, or not finished yet.
    Nothing,
    /// An instance begins.
    Store(Incoming),
    /// A piece of its data set; after the last one, [`Provider::answer_store`] when it is durable.
    Data {
        /// The piece.
        bytes: Bytes,
        /// The last one.
        last: bool,
    },
    /// C-FIND: serve it by [`Find`].
    Find(Query),
    /// C-GET: serve it by [`Get`].
    Get(Query),
    /// C-MOVE: serve it by [`Move`].
    Move(Query, String),
    /// C-CANCEL of the query with this message id; if it is over already, nothing is to be done.
    Cancel(u16),
    /// Not a request: responses to a role of ours on this association, and the end of it.
    Other(Event),
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Store(incoming) => f.debug_tuple("Store").field(incoming).finish(),
            Self::Data { bytes, last } => write!(f, "Data({} bytes, last: {last})", bytes.len()),
            Self::Find(query) => f.debug_tuple("Find").field(query).finish(),
            Self::Get(query) => f.debug_tuple("Get").field(query).finish(),
            Self::Move(query, destination) => f.debug_tuple("Move").field(query).field(destination).finish(),
            Self::Cancel(message_id) => f.debug_tuple("Cancel").field(message_id).finish(),
            Self::Other(event) => f.debug_tuple("Other").field(event).finish(),
        }
    }
}

/// A C-FIND, C-GET or C-MOVE request.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Its presentation context.
    pub context: u8,
    /// The transfer syntax there.
    pub transfer_syntax: String,
    /// The request itself, to be answered.
    command: Command,
    /// The information model.
    pub sop_class: String,
    /// The keys.
    pub identifier: Dataset,
}

/// A query whose identifier is coming in.
#[derive(Debug)]
struct Question {
    context: u8,
    transfer_syntax: String,
    sop_class: String,
    command: Command,
    collector: Collector,
    /// Answered before its end: the identifier is thrown away.
    is_answered: bool,
}

impl Provider {
    /// For a new association.
    pub fn new() -> Self {
        Self::default()
    }

    /// What an event asks of us. C-ECHO is answered here, and what cannot be served by anybody.
    pub fn handle(&mut self, association: &mut Association, event: Event) -> Result<Asked, RoleError> {
        match self.receiver.handle(association, event)? {
            Reception::Begin(incoming) => Ok(Asked::Store(incoming)),
            Reception::Data { bytes, last } => Ok(Asked::Data { bytes, last }),
            Reception::Nothing => Ok(Asked::Nothing),
            Reception::NotMine(Event::Command { context, command, has_data_set }) => {
                self.command(association, context, command, has_data_set)
            }
            Reception::NotMine(Event::Data { context, bytes, last }) if self.query.is_some() => {
                self.data(association, context, &bytes, last)
            }
            Reception::NotMine(other) => Ok(Asked::Other(other)),
        }
    }

    /// Answers the C-STORE at work: after its last piece, or before, when the rest of it is thrown away.
    pub fn answer_store(&mut self, association: &mut Association, status: Status) -> Result<(), RoleError> {
        self.receiver.answer(association, status)
    }

    fn command(
        &mut self,
        association: &mut Association,
        context: u8,
        command: Command,
        has_data_set: bool,
    ) -> Result<Asked, RoleError> {
        let sop_class = match &command {
            Command::EchoRq(_) => {
                answer(association, context, &command, Status::SUCCESS)?;
                return Ok(Asked::Nothing);
            }
            Command::FindRq(request) | Command::GetRq(request) => request.sop_class.clone(),
            Command::MoveRq(request) => request.sop_class.clone(),
            Command::CancelRq { responded_to } => return Ok(Asked::Cancel(*responded_to)),
            _ => return Ok(Asked::Other(Event::Command { context, command, has_data_set })),
        };
        let agreed =
            association.agreed().and_then(|agreed| agreed.context(context)).ok_or(RoleError::NoContext)?;
        let is_answered = agreed.abstract_syntax != sop_class;
        let transfer_syntax = agreed.transfer_syntax.clone();
        if is_answered {
            answer(association, context, &command, Status::SOP_CLASS_NOT_SUPPORTED)?;
        }
        let collector = Collector::default();
        self.query = Some(Question { context, transfer_syntax, sop_class, command, collector, is_answered });
        Ok(Asked::Nothing)
    }

    fn data(
        &mut self,
        association: &mut Association,
        context: u8,
        bytes: &[u8],
        last: bool,
    ) -> Result<Asked, RoleError> {
        let Some(question) = self.query.as_mut().filter(|question| question.context == context) else {
            return Ok(Asked::Nothing);
        };
        question.collector.add(bytes);
        if !last {
            return Ok(Asked::Nothing);
        }
        let identifier = question.collector.take(&question.transfer_syntax);
        let Some(question) = self.query.take().filter(|question| !question.is_answered) else {
            return Ok(Asked::Nothing);
        };
        let Question { context, transfer_syntax, sop_class, command, .. } = question;
        let Ok(identifier) = identifier else {
            answer(association, context, &command, Status::UNABLE_TO_PROCESS)?;
            return Ok(Asked::Nothing);
        };
        let query = Query { context, transfer_syntax, sop_class, identifier, command };
        Ok(match &query.command {
            Command::GetRq(_) => Asked::Get(query),
            Command::MoveRq(request) => {
                let destination = request.destination.clone();
                Asked::Move(query, destination)
            }
            _ => Asked::Find(query),
        })
    }
}

fn answer(
    association: &mut Association,
    context: u8,
    command: &Command,
    status: Status,
) -> Result<(), RoleError> {
    if let Some(answer) = command.answer(status) {
        association.send(context, &answer, None)?;
    }
    Ok(())
}

impl Query {
    /// Its message id.
    pub fn message_id(&self) -> u16 {
        self.command.message_id()
    }

    /// Answers at once with a failure (or, for a C-FIND, with a success without matches).
    pub fn refuse(&self, association: &mut Association, status: Status) -> Result<(), RoleError> {
        answer(association, self.context, &self.command, status)
    }

    /// What the C-STOREs that a C-MOVE causes say of it.
    pub fn originator(&self, calling_ae: &str) -> MoveOriginator {
        MoveOriginator { ae: calling_ae.to_owned(), message_id: self.message_id() }
    }

    fn respond(
        &self,
        association: &mut Association,
        status: Status,
        counts: Counts,
        identifier: Option<&Dataset>,
    ) -> Result<(), RoleError> {
        let response = Response { counts, ..Response::new(self.message_id(), &self.sop_class, status) };
        let command = match &self.command {
            Command::GetRq(_) => Command::GetRsp(response),
            Command::MoveRq(_) => Command::MoveRsp(response),
            _ => Command::FindRsp(response),
        };
        let identifier = identifier.map(|identifier| identifier::encode(identifier, &self.transfer_syntax));
        Ok(association.send(self.context, &command, identifier.as_deref())?)
    }
}

/// A C-FIND being served (PS3.4 §C.4.1.3).
#[derive(Debug)]
pub struct Find {
    query: Query,
}

impl Find {
    /// Serves this query.
    pub fn new(query: Query) -> Self {
        Self { query }
    }

    /// The query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Sends matches while the queue has room, and the last response after the last of them; whether it did.
    pub fn answer(
        &mut self,
        association: &mut Association,
        matches: &mut dyn Iterator<Item = Dataset>,
    ) -> Result<bool, RoleError> {
        while association.queued_bytes() < crate::association::SEND_QUEUE_BYTES_MAX {
            match matches.next() {
                Some(identifier) => {
                    self.query.respond(association, Status::PENDING, Counts::default(), Some(&identifier))?;
                }
                None => {
                    self.finish(association, Status::SUCCESS)?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Ends it: a failure, or [`Status::CANCEL`] when the peer cancelled.
    pub fn finish(&mut self, association: &mut Association, status: Status) -> Result<(), RoleError> {
        self.query.respond(association, status, Counts::default(), None)
    }
}

/// The sub-operations of a C-GET or C-MOVE, counted (PS3.4 §C.4.2.1.6, §C.4.3.1.4).
#[derive(Debug)]
struct SubOperations {
    query: Query,
    remaining: usize,
    completed: usize,
    warning: usize,
    failed: Vec<String>,
}

impl SubOperations {
    fn new(query: Query, total: usize) -> Self {
        Self { query, remaining: total, completed: 0, warning: 0, failed: Vec::new() }
    }

    /// One is over; `None` where it could not even be tried.
    fn count(&mut self, instance: &Instance, status: Option<Status>) {
        self.remaining = self.remaining.saturating_sub(1);
        match status.map(Status::class) {
            Some(StatusClass::Success) => self.completed += 1,
            Some(StatusClass::Warning) => self.warning += 1,
            _ => self.failed.push(instance.sop_instance.clone()),
        }
    }

    fn counts(&self, with_remaining: bool) -> Counts {
        let number = |count: usize| Some(u16::try_from(count).unwrap_or(u16::MAX));
        Counts {
            remaining: if with_remaining { number(self.remaining) } else { None },
            completed: number(self.completed),
            failed: number(self.failed.len()),
            warning: number(self.warning),
        }
    }

    fn pending(&self, association: &mut Association) -> Result<(), RoleError> {
        self.query.respond(association, Status::PENDING, self.counts(true), None)
    }

    fn finish(&self, association: &mut Association, is_cancelled: bool) -> Result<(), RoleError> {
        let status = if is_cancelled {
            Status::CANCEL
        } else if self.failed.is_empty() && self.warning == 0 {
            Status::SUCCESS
        } else if self.completed + self.warning == 0 {
            Status::UNABLE_TO_PERFORM
        } else {
            Status::WARNING
        };
        let mut identifier = Dataset::new();
        identifier.put_text(tags::FAILED_SOP_INSTANCE_UID_LIST, VR::UI, &self.failed.join("\\"));
        let identifier = (!self.failed.is_empty()).then_some(&identifier);
        self.query.respond(association, status, self.counts(is_cancelled), identifier)
    }
}

/// A C-GET being served: the instances go out by C-STORE over the same association (PS3.4 §C.4.3.3).
#[derive(Debug)]
pub struct Get {
    operations: SubOperations,
    instances: Vec<Instance>,
    at: usize,
    sending: Option<Store>,
    is_cancelled: bool,
    is_over: bool,
}

/// What a C-GET needs next; ask by [`Get::next`] after every event and whenever [`Association::wants_data`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetNeeds {
    /// Open this instance (by index); then [`Get::begin`], or [`Get::skip`] if it cannot be opened.
    Open(usize),
    /// A piece of this instance's data set: [`Get::send`]. If there is none to be had, abort the association.
    Data(usize),
    /// An event, or room in the queue.
    Nothing,
    /// The last response is sent.
    Over,
}

impl Get {
    /// Serves this query with these instances, in this order.
    pub fn new(query: Query, instances: Vec<Instance>) -> Self {
        let operations = SubOperations::new(query, instances.len());
        Self { operations, instances, at: 0, sending: None, is_cancelled: false, is_over: false }
    }

    /// What is needed now. Instances for which no context was accepted count as failed.
    pub fn next(&mut self, association: &mut Association) -> Result<GetNeeds, RoleError> {
        if self.is_over {
            return Ok(GetNeeds::Over);
        }
        if self.sending.is_some() {
            return Ok(if association.wants_data() { GetNeeds::Data(self.at) } else { GetNeeds::Nothing });
        }
        while !self.is_cancelled
            && let Some(instance) = self.instances.get(self.at)
        {
            let agreed = association.agreed();
            let context =
                agreed.and_then(|agreed| agreed.context_for(&instance.sop_class, &instance.transfer_syntax));
            if context.is_some() {
                return Ok(GetNeeds::Open(self.at));
            }
            self.over_with(association, None)?;
        }
        self.is_over = true;
        self.operations.finish(association, self.is_cancelled)?;
        Ok(GetNeeds::Over)
    }

    /// The instance is open: its C-STORE begins.
    pub fn begin(&mut self, association: &mut Association) -> Result<(), RoleError> {
        if let Some(instance) = self.instances.get(self.at) {
            self.sending = Some(Store::start(association, instance, None)?);
        }
        Ok(())
    }

    /// The instance cannot be had: it counts as failed.
    pub fn skip(&mut self, association: &mut Association) -> Result<(), RoleError> {
        self.over_with(association, None)
    }

    /// A piece of the instance's data set.
    pub fn send(&mut self, association: &mut Association, bytes: &[u8], last: bool) -> Result<(), RoleError> {
        if let Some(store) = &mut self.sending {
            store.send(association, bytes, last)?;
        }
        Ok(())
    }

    /// Takes the answers to its C-STOREs.
    pub fn handle(&mut self, association: &mut Association, event: &Event) -> Result<(), RoleError> {
        let Some(store) = &mut self.sending else { return Ok(()) };
        let Some(response) = store.handle(association, event)? else { return Ok(()) };
        self.sending = None;
        self.over_with(association, Some(response.status))
    }

    /// The peer cancelled: no further instance is begun.
    pub fn cancel(&mut self) {
        self.is_cancelled = true;
    }

    fn over_with(&mut self, association: &mut Association, status: Option<Status>) -> Result<(), RoleError> {
        if let Some(instance) = self.instances.get(self.at) {
            self.operations.count(instance, status);
            self.at += 1;
            if self.at < self.instances.len() && !self.is_cancelled {
                self.operations.pending(association)?;
            }
        }
        Ok(())
    }
}

/// A C-MOVE being served: the instances go out over another association (PS3.4 §C.4.2.3), by `scu::Store` and with
/// [`Query::originator`]; this counts and reports.
#[derive(Debug)]
pub struct Move {
    operations: SubOperations,
}

impl Move {
    /// Serves this query with so many instances.
    pub fn new(query: Query, instances: usize) -> Self {
        Self { operations: SubOperations::new(query, instances) }
    }

    /// The query.
    pub fn query(&self) -> &Query {
        &self.operations.query
    }

    /// One instance is over: its C-STORE status, or `None` where it could not be sent. Tells the peer how far it is.
    pub fn report(
        &mut self,
        association: &mut Association,
        instance: &Instance,
        status: Option<Status>,
    ) -> Result<(), RoleError> {
        self.operations.count(instance, status);
        if self.operations.remaining > 0 { self.operations.pending(association) } else { Ok(()) }
    }

    /// Sends the last response: success, warning, failure as the counts have it, or cancelled.
    pub fn finish(&mut self, association: &mut Association, is_cancelled: bool) -> Result<(), RoleError> {
        self.operations.finish(association, is_cancelled)
    }
}
