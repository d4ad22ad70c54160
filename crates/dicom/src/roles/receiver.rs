//! The receiving end of C-STORE (PS3.4 §B.2), whether asked for by C-GET or pushed.

use super::RoleError;
use crate::association::{Association, Event};
use crate::dimse::{Command, Status, StoreRequest};
use crate::uid::Uid;
use bytes::Bytes;

/// An instance that is coming in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its presentation context.
    pub context: u8,
    /// The transfer syntax of its data set.
    pub transfer_syntax: String,
    /// The request: SOP class and instance, who caused it.
    pub request: StoreRequest,
}

/// What an event was to the receiver.
pub(super) enum Reception {
    /// A C-STORE begins.
    Begin(Incoming),
    /// A piece of its data set.
    Data { bytes: Bytes, last: bool },
    /// Dealt with.
    Nothing,
    /// Somebody else's.
    NotMine(Event),
}

/// At most one C-STORE at a time, from its request to our answer.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    open: Option<(u8, StoreRequest)>,
    inflow: Inflow,
}

/// Whose the data set is that comes in now.
#[derive(Debug, Default, PartialEq, Eq)]
enum Inflow {
    /// Not ours.
    #[default]
    None,
    /// The open C-STORE's.
    Wanted,
    /// That of a C-STORE answered before its end.
    Unwanted,
}

impl Receiver {
    pub(super) fn handle(
        &mut self,
        association: &mut Association,
        event: Event,
    ) -> Result<Reception, RoleError> {
        match event {
            Event::Command { context, command: Command::StoreRq(request), .. } => {
                self.begin(association, context, request)
            }
            Event::Data { bytes, last, .. } if self.inflow != Inflow::None => {
                let wanted = self.inflow == Inflow::Wanted;
                if last {
                    self.inflow = Inflow::None;
                }
                Ok(if wanted { Reception::Data { bytes, last } } else { Reception::Nothing })
            }
            other => Ok(Reception::NotMine(other)),
        }
    }

    fn begin(
        &mut self,
        association: &mut Association,
        context: u8,
        request: StoreRequest,
    ) -> Result<Reception, RoleError> {
        let agreed = association.agreed().and_then(|agreed| agreed.context(context));
        let (abstract_syntax, transfer_syntax) = agreed
            .map(|context| (context.abstract_syntax.clone(), context.transfer_syntax.clone()))
            .ok_or(RoleError::NoContext)?;
        let refusal = if abstract_syntax != request.sop_class {
            Some(Status::SOP_CLASS_NOT_SUPPORTED)
        } else if Uid::parse(&request.sop_instance).is_err() {
            Some(Status::INVALID_SOP_INSTANCE)
        } else if self.open.is_some() {
            // One operation at a time was negotiated; the sender keeps this one.
            Some(Status::OUT_OF_RESOURCES)
        } else {
            None
        };
        if let Some(status) = refusal {
            self.inflow = Inflow::Unwanted;
            send_answer(association, context, &request, status)?;
            return Ok(Reception::Nothing);
        }
        self.inflow = Inflow::Wanted;
        self.open = Some((context, request.clone()));
        Ok(Reception::Begin(Incoming { context, transfer_syntax, request }))
    }

    /// Answers the open C-STORE: after the last piece, or before, when the rest of its data set is thrown away.
    pub(super) fn answer(&mut self, association: &mut Association, status: Status) -> Result<(), RoleError> {
        let Some((context, request)) = self.open.take() else { return Ok(()) };
        if self.inflow == Inflow::Wanted {
            self.inflow = Inflow::Unwanted;
        }
        send_answer(association, context, &request, status)
    }
}

fn send_answer(
    association: &mut Association,
    context: u8,
    request: &StoreRequest,
    status: Status,
) -> Result<(), RoleError> {
    if let Some(answer) = Command::StoreRq(request.clone()).answer(status) {
        association.send(context, &answer, None)?;
    }
    Ok(())
}
