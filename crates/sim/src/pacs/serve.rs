//! One association of an archive as the acceptor: Verification, C-FIND, C-GET, C-MOVE, and storage to us.

use super::holdings::{self, Holding, Level, Outgoing, Stored};
use super::link::{Link, LinkError, Message};
use super::{Archive, Asked, Operation, Sender, locked, send};
use crate::encode::{self, Syntax};
use crate::faults::Fault;
use dicom::association::{Answer, Association, Decision, Event, Proposal};
use dicom::dataset::{Dataset, Value};
use dicom::dimse::{Command, Counts, MoveOriginator, MoveRequest, Request, Response, Status, StoreRequest};
use dicom::part10::{Limits, read_dataset};
use dicom::pdu::{ContextRefusal, ProposedContext, Rejection, Roles};
use dicom::tag::{Tag, VR, tags};
use dicom::uid::{sop_class, transfer_syntax as ts};
use std::sync::Arc;
use tokio::net::TcpStream;

/// Serves one connection until it ends.
pub(super) async fn connection(archive: &Archive, stream: TcpStream) -> Result<(), LinkError> {
    let mut link = Link::new(stream, Association::accept);
    let mut calling_ae = String::new();
    while let Some(event) = link.event().await? {
        if let Event::Requested(proposal) = event {
            calling_ae = proposal.calling_ae.as_str().to_owned();
            let fault = archive.association_faults.take();
            let decision = decide(archive, &proposal, fault);
            link.plan(fault);
            let now = link.now();
            link.association.respond(&decision, now);
        }
        if link.association.is_established() {
            break;
        }
    }
    while let Some(message) = link.message().await? {
        tokio::time::sleep(archive.manners.latency).await;
        let session = Session { archive, calling_ae: &calling_ae };
        session.handle(&mut link, message).await?;
    }
    Ok(())
}

fn decide(archive: &Archive, proposal: &Proposal, fault: Fault) -> Decision {
    if fault == Fault::Refuse {
        return Decision::Reject(Rejection::CONGESTED);
    }
    if proposal.called_ae.as_str() != archive.manners.ae_title {
        return Decision::Reject(Rejection::UNKNOWN_CALLED_AE);
    }
    proposal.accept(|context| answer(archive, proposal, context))
}

fn answer(archive: &Archive, proposal: &Proposal, context: &ProposedContext) -> Answer {
    let offered = |syntax: &str| context.transfer_syntaxes.iter().any(|offer| offer == syntax);
    let first_of =
        |syntaxes: &[&str]| syntaxes.iter().find(|syntax| offered(syntax)).map(|syntax| (*syntax).to_owned());
    let native = [ts::EXPLICIT_VR_LITTLE_ENDIAN, ts::IMPLICIT_VR_LITTLE_ENDIAN];
    let class = context.abstract_syntax.as_str();
    let chosen = match class {
        sop_class::VERIFICATION | sop_class::STUDY_ROOT_FIND | sop_class::STUDY_ROOT_MOVE => {
            first_of(&native)
        }
        sop_class::STUDY_ROOT_GET if archive.manners.get => first_of(&native),
        _ if !class.starts_with("1.2.840.10008.5.1.4.1.1.") => {
            return Answer::Refuse(ContextRefusal::AbstractSyntaxNotSupported);
        }
        // C-GET sends to the requestor what we can write; a push is taken as it comes.
        _ if proposal.roles_for(class).scp => first_of(&[archive.manners.syntax.uid(), native[0], native[1]]),
        _ => context.transfer_syntaxes.first().cloned(),
    };
    match chosen {
        Some(transfer_syntax) => Answer::Accept { transfer_syntax, roles: Roles::BOTH },
        None => Answer::Refuse(ContextRefusal::TransferSyntaxesNotSupported),
    }
}

struct Session<'a> {
    archive: &'a Archive,
    calling_ae: &'a str,
}

/// What became of the sub-operations of a C-GET or C-MOVE (PS3.4 §C.4.3.1.4).
#[derive(Default)]
struct Tally {
    remaining: usize,
    completed: usize,
    warning: usize,
    failed: Vec<String>,
}

impl Tally {
    fn add(&mut self, instance: &str, status: Option<Status>) {
        self.remaining -= 1;
        match status {
            Some(Status::SUCCESS) => self.completed += 1,
            Some(status) if status.is_done() => self.warning += 1,
            _ => self.failed.push(instance.to_owned()),
        }
    }

    fn counts(&self, last: bool) -> Counts {
        let number = |n: usize| u16::try_from(n).ok();
        Counts {
            remaining: if last { None } else { number(self.remaining) },
            completed: number(self.completed),
            failed: number(self.failed.len()),
            warning: number(self.warning),
        }
    }

    fn status(&self) -> Status {
        match (self.failed.is_empty(), self.completed + self.warning) {
            (true, _) => Status::SUCCESS,
            (false, 0) => Status::UNABLE_TO_PERFORM,
            (false, _) => Status::WARNING,
        }
    }
}

impl Session<'_> {
    async fn handle(&self, link: &mut Link, message: Message) -> Result<(), LinkError> {
        let context = message.context;
        match message.command.clone() {
            Command::EchoRq(request) => {
                let response = Response::new(request.message_id, &request.sop_class, Status::SUCCESS);
                link.send(context, &Command::EchoRsp(response), None).await
            }
            Command::FindRq(request) => self.find(link, &message, &request).await,
            Command::GetRq(request) => self.get(link, &message, &request).await,
            Command::MoveRq(request) => self.relay(link, &message, &request).await,
            Command::StoreRq(request) => self.store(link, message, &request).await,
            // A cancel that comes after the end, and answers to nothing.
            _ => Ok(()),
        }
    }

    fn identifier(&self, link: &Link, message: &Message) -> Option<(Level, Dataset, Syntax)> {
        let context = link.association.agreed()?.context(message.context)?;
        let identifier = read_dataset(&message.dataset, &context.transfer_syntax, &Limits::default()).ok()?;
        let level = Level::of(&identifier)?;
        Some((level, identifier, Syntax::of_uid(&context.transfer_syntax)?))
    }

    fn log(&self, operation: Operation, level: Level, identifier: &Dataset, matched: usize) {
        let mut keys = Vec::new();
        collect_keys(identifier, &mut keys);
        let calling_ae = self.calling_ae.to_owned();
        locked(&self.archive.asked).push(Asked { operation, calling_ae, level, keys, matched });
    }

    async fn find(&self, link: &mut Link, message: &Message, request: &Request) -> Result<(), LinkError> {
        let response =
            |status| Command::FindRsp(Response::new(request.message_id, &request.sop_class, status));
        let asked = self.identifier(link, message);
        let Some((level, identifier, syntax)) = asked.filter(|a| self.archive.manners.levels.contains(&a.0))
        else {
            return link.send(message.context, &response(Status::DOES_NOT_MATCH_SOP_CLASS), None).await;
        };
        let holdings = locked(&self.archive.holdings).clone();
        let answers = holdings::find(&holdings, level, &identifier);
        self.log(Operation::Find, level, &identifier, answers.len());
        for mut answer in answers {
            answer.put_text(tags::RETRIEVE_AE_TITLE, VR::AE, &self.archive.manners.ae_title);
            let name = answer.text(tags::PATIENT_NAME).unwrap_or_default();
            let charset = self.archive.manners.charset.or_one_that_holds(name);
            let bytes = encode::identifier(&answer, syntax, charset);
            link.send(message.context, &response(Status::PENDING), Some(&bytes)).await?;
        }
        link.send(message.context, &response(Status::SUCCESS), None).await
    }

    fn selected(
        &self,
        link: &Link,
        message: &Message,
        operation: Operation,
    ) -> Option<(Vec<Arc<Holding>>, Syntax)> {
        let (level, identifier, syntax) = self.identifier(link, message)?;
        let holdings = locked(&self.archive.holdings).clone();
        let selected = holdings::select(&holdings, level, &identifier);
        self.log(operation, level, &identifier, selected.len());
        Some((selected, syntax))
    }

    async fn get(&self, link: &mut Link, message: &Message, request: &Request) -> Result<(), LinkError> {
        let response = |status, counts| {
            Command::GetRsp(Response {
                counts,
                ..Response::new(request.message_id, &request.sop_class, status)
            })
        };
        let Some((selected, syntax)) = self.selected(link, message, Operation::Get) else {
            let refused = response(Status::DOES_NOT_MATCH_SOP_CLASS, Counts::default());
            return link.send(message.context, &refused, None).await;
        };
        let fault = self.archive.retrieval_faults.take();
        link.plan(fault);
        link.cancelled = false;
        let mut tally = Tally { remaining: selected.len(), ..Tally::default() };
        for (number, holding) in (1..).zip(&selected) {
            if link.cancelled {
                let counts = tally.counts(false);
                return link.send(message.context, &response(Status::CANCEL, counts), None).await;
            }
            let accepted = |syntax: &String| {
                let agreed = link.association.agreed();
                agreed.is_some_and(|agreed| agreed.context_for(holding.sop_class(), syntax).is_some())
            };
            let chosen =
                holding.syntaxes().into_iter().find(accepted).filter(|_| fault != Fault::FailObject(number));
            let status = match chosen {
                None => None,
                Some(chosen) => {
                    let outgoing = self.outgoing(holding, &chosen).await;
                    if fault == Fault::AbortInObject(number) {
                        return Err(send::abort_within(link, &outgoing).await);
                    }
                    Some(send::store(link, &outgoing, None).await?)
                }
            };
            self.tally(&mut tally, holding.sop_instance(), status);
            if tally.remaining > 0 {
                link.send(message.context, &response(Status::PENDING, tally.counts(false)), None).await?;
            }
        }
        let last = response(tally.status(), tally.counts(true));
        link.send(message.context, &last, failed_list(&tally, syntax).as_deref()).await
    }

    /// C-MOVE: a new association to the destination, from the AE title that this archive stores as.
    async fn relay(
        &self,
        link: &mut Link,
        message: &Message,
        request: &MoveRequest,
    ) -> Result<(), LinkError> {
        let response = |status, counts| {
            Command::MoveRsp(Response {
                counts,
                ..Response::new(request.message_id, &request.sop_class, status)
            })
        };
        let refuse = |status| response(status, Counts::default());
        let destination = locked(&self.archive.destinations).get(request.destination.trim()).copied();
        let Some(address) = destination else {
            return link.send(message.context, &refuse(Status::MOVE_DESTINATION_UNKNOWN), None).await;
        };
        let Some((selected, syntax)) = self.selected(link, message, Operation::Move) else {
            return link.send(message.context, &refuse(Status::DOES_NOT_MATCH_SOP_CLASS), None).await;
        };
        if selected.is_empty() {
            return link.send(message.context, &refuse(Status::SUCCESS), None).await;
        }
        let manners = &self.archive.manners;
        let calling_ae = manners.stores_as.clone().unwrap_or_else(|| manners.ae_title.clone());
        let sender = Sender { calling_ae, called_ae: request.destination.trim().into(), address };
        let kinds = selected.iter().flat_map(|holding| {
            holding.syntaxes().into_iter().map(|syntax| (holding.sop_class().to_owned(), syntax))
        });
        let fault = self.archive.retrieval_faults.take();
        let Ok(mut store) = sender.open(kinds, fault).await else {
            return link.send(message.context, &refuse(Status::UNABLE_TO_PERFORM), None).await;
        };
        let originator = MoveOriginator { ae: self.calling_ae.to_owned(), message_id: request.message_id };
        let mut tally = Tally { remaining: selected.len(), ..Tally::default() };
        let mut broken = false;
        for (number, holding) in (1..).zip(&selected) {
            let chosen = store.accepts(holding.sop_class(), &holding.syntaxes());
            let status = match chosen.filter(|_| !broken && fault != Fault::FailObject(number)) {
                None => None,
                Some(chosen) => {
                    let outgoing = self.outgoing(holding, &chosen).await;
                    let stored = if fault == Fault::AbortInObject(number) {
                        Err(store.abort_within(&outgoing).await)
                    } else {
                        store.store(&outgoing, Some(originator.clone())).await
                    };
                    broken = stored.is_err();
                    stored.ok()
                }
            };
            self.tally(&mut tally, holding.sop_instance(), status);
            if tally.remaining > 0 {
                link.send(message.context, &response(Status::PENDING, tally.counts(false)), None).await?;
            }
        }
        if !broken {
            store.close().await.ok();
        }
        let last = response(tally.status(), tally.counts(true));
        link.send(message.context, &last, failed_list(&tally, syntax).as_deref()).await
    }

    fn tally(&self, tally: &mut Tally, instance: &str, status: Option<Status>) {
        if status == Some(Status::SUCCESS) {
            locked(&self.archive.delivered).push(instance.to_owned());
        }
        tally.add(instance, status);
    }

    async fn outgoing(&self, holding: &Holding, syntax: &str) -> Outgoing {
        tokio::time::sleep(self.archive.manners.latency).await;
        holding.outgoing(syntax)
    }

    async fn store(
        &self,
        link: &mut Link,
        message: Message,
        request: &StoreRequest,
    ) -> Result<(), LinkError> {
        let context = message.context;
        let transfer_syntax = link.association.agreed().and_then(|agreed| agreed.context(context));
        let transfer_syntax = transfer_syntax.map(|c| c.transfer_syntax.clone()).unwrap_or_default();
        let status = match self.archive.store_faults.take() {
            Fault::RefuseStore(code) => Status(code),
            _ => {
                let stored = Stored {
                    sop_class: request.sop_class.clone(),
                    sop_instance: request.sop_instance.clone(),
                    transfer_syntax,
                    calling_ae: self.calling_ae.to_owned(),
                    dataset: message.dataset.into(),
                };
                self.keep(stored)
            }
        };
        let response = Response {
            sop_instance: request.sop_instance.clone(),
            ..Response::new(request.message_id, &request.sop_class, status)
        };
        link.send(context, &Command::StoreRsp(response), None).await
    }

    fn keep(&self, stored: Stored) -> Status {
        let Ok(header) = read_dataset(&stored.dataset, &stored.transfer_syntax, &Limits::default()) else {
            return Status::UNABLE_TO_PROCESS;
        };
        locked(&self.archive.stored).push(stored.clone());
        locked(&self.archive.holdings).push(Arc::new(Holding::stored(stored, &header)));
        Status::SUCCESS
    }
}

/// Failed SOP Instance UID List (0008,0058), where there is one.
fn failed_list(tally: &Tally, syntax: Syntax) -> Option<Vec<u8>> {
    if tally.failed.is_empty() {
        return None;
    }
    let mut list = Dataset::new();
    list.put_text(tags::FAILED_SOP_INSTANCE_UID_LIST, VR::UI, &tally.failed.join("\\"));
    Some(encode::identifier(&list, syntax, crate::text::Charset::Ascii))
}

fn collect_keys(set: &Dataset, keys: &mut Vec<(Tag, String)>) {
    for element in set {
        match &element.value {
            Value::Items(items) => items.iter().for_each(|item| collect_keys(item, keys)),
            Value::Bytes(_) => {
                let text = element.text().unwrap_or_default();
                if !text.is_empty() {
                    keys.push((element.tag, text.to_owned()));
                }
            }
        }
    }
}
