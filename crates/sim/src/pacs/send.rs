//! A sender: pushes instances by C-STORE, as modalities and archives do (PS3.4 Annex B).

use super::holdings::Outgoing;
use super::link::{Link, LinkError};
use crate::faults::Fault;
use dicom::association::{Association, ContextRequest, Event, Request};
use dicom::dimse::{Command, MoveOriginator, Priority, Status, StoreRequest};
use dicom::pdu::AeTitle;
use dicom::uid::{sop_class, transfer_syntax as ts};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Who sends, to whom.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Our AE title.
    pub calling_ae: String,
    /// The receiver's AE title.
    pub called_ae: String,
    /// The receiver's address.
    pub address: SocketAddr,
}

/// What came of it: one status per instance, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Status of each instance.
    pub statuses: Vec<Status>,
}

impl Sent {
    /// How many were answered 0000H.
    pub fn succeeded(&self) -> usize {
        self.statuses.iter().filter(|status| **status == Status::SUCCESS).count()
    }
}

/// A connection on which instances can be stored.
pub struct Store {
    link: Link,
}

impl Sender {
    /// Whether the peer answers C-ECHO.
    pub async fn echo(&self) -> Result<bool, LinkError> {
        let verification = ContextRequest::scu(sop_class::VERIFICATION, &[ts::IMPLICIT_VR_LITTLE_ENDIAN]);
        let mut link = self.connect(vec![verification], Fault::None).await?;
        let context =
            link.association.agreed().and_then(|agreed| agreed.contexts.first()).map(|context| context.id);
        let request = dicom::dimse::Request {
            message_id: link.association.next_message_id(),
            sop_class: sop_class::VERIFICATION.into(),
            priority: Priority::Medium,
        };
        link.send(context.ok_or(LinkError::NoContext)?, &Command::EchoRq(request), None).await?;
        let answer = link.message().await?;
        let answered = matches!(answer, Some(m) if matches!(&m.command, Command::EchoRsp(r) if r.status == Status::SUCCESS));
        link.release().await?;
        Ok(answered)
    }

    /// Pushes instances on one association and releases it.
    pub async fn push(&self, instances: &[Outgoing]) -> Result<Sent, LinkError> {
        let kinds = instances.iter().map(|i| (i.sop_class.clone(), i.transfer_syntax.clone()));
        let mut store = self.open(kinds, Fault::None).await?;
        let mut sent = Sent::default();
        for instance in instances {
            sent.statuses.push(store.store(instance, None).await?);
        }
        store.close().await?;
        Ok(sent)
    }

    /// Opens an association for these SOP classes and transfer syntaxes, one context each (PS3.8 §9.3.2.2).
    pub async fn open(
        &self,
        kinds: impl IntoIterator<Item = (String, String)>,
        fault: Fault,
    ) -> Result<Store, LinkError> {
        let kinds: BTreeSet<(String, String)> = kinds.into_iter().collect();
        let contexts = kinds.iter().map(|(class, syntax)| ContextRequest::scu(class, &[syntax])).collect();
        Ok(Store { link: self.connect(contexts, fault).await? })
    }

    async fn connect(&self, contexts: Vec<ContextRequest>, fault: Fault) -> Result<Link, LinkError> {
        let title = |text: &str| AeTitle::parse(text).map_err(|_| LinkError::Ended("not an AE title"));
        let request =
            Request { calling_ae: title(&self.calling_ae)?, called_ae: title(&self.called_ae)?, contexts };
        let stream = TcpStream::connect(self.address).await?;
        let mut link =
            Link::new(stream, |limits, timers, now| Association::request(&request, limits, timers, now));
        link.plan(fault);
        loop {
            match link.event().await? {
                Some(Event::Established(_)) => return Ok(link),
                Some(Event::Rejected(_)) => return Err(LinkError::Ended("refused")),
                Some(_) => {}
                None => return Err(LinkError::Ended("before it began")),
            }
        }
    }
}

impl Store {
    /// Which of these syntaxes the peer accepted for a SOP class.
    pub(super) fn accepts(&self, sop_class: &str, syntaxes: &[String]) -> Option<String> {
        let agreed = self.link.association.agreed()?;
        syntaxes.iter().find(|syntax| agreed.context_for(sop_class, syntax).is_some()).cloned()
    }

    /// Stores one instance and waits for its status.
    pub async fn store(
        &mut self,
        instance: &Outgoing,
        originator: Option<MoveOriginator>,
    ) -> Result<Status, LinkError> {
        store(&mut self.link, instance, originator).await
    }

    /// Breaks off in the middle of an object.
    pub(super) async fn abort_within(&mut self, instance: &Outgoing) -> LinkError {
        abort_within(&mut self.link, instance).await
    }

    /// Releases the association.
    pub async fn close(self) -> Result<(), LinkError> {
        self.link.release().await
    }
}

/// C-STORE on any link where we are the SCU of the class.
pub(super) async fn store(
    link: &mut Link,
    instance: &Outgoing,
    move_originator: Option<MoveOriginator>,
) -> Result<Status, LinkError> {
    let (context, command) = request(link, instance, move_originator)?;
    let message_id = command.message_id();
    link.send(context, &command, Some(&instance.dataset)).await?;
    while let Some(message) = link.message().await? {
        match message.command {
            Command::StoreRsp(response) if response.responded_to == message_id => return Ok(response.status),
            Command::CancelRq { .. } => link.cancelled = true,
            _ => {}
        }
    }
    Err(LinkError::Ended("before the answer"))
}

pub(super) async fn abort_within(link: &mut Link, instance: &Outgoing) -> LinkError {
    match request(link, instance, None) {
        Ok((context, command)) => link.abort_within(context, &command, &instance.dataset).await,
        Err(error) => error,
    }
}

fn request(
    link: &mut Link,
    instance: &Outgoing,
    move_originator: Option<MoveOriginator>,
) -> Result<(u8, Command), LinkError> {
    let agreed = link.association.agreed().ok_or(LinkError::NoContext)?;
    let context =
        agreed.context_for(&instance.sop_class, &instance.transfer_syntax).ok_or(LinkError::NoContext)?.id;
    let command = Command::StoreRq(StoreRequest {
        message_id: link.association.next_message_id(),
        sop_class: instance.sop_class.clone(),
        sop_instance: instance.sop_instance.clone(),
        priority: Priority::Medium,
        move_originator,
    });
    Ok((context, command))
}

/// Groups instances for parallel associations.
pub fn split(instances: Vec<Outgoing>, ways: usize) -> Vec<Vec<Outgoing>> {
    let mut groups: BTreeMap<usize, Vec<Outgoing>> = BTreeMap::new();
    for (at, instance) in instances.into_iter().enumerate() {
        groups.entry(at % ways.max(1)).or_default().push(instance);
    }
    groups.into_values().collect()
}
