//! The load: associations that push objects out of memory by C-STORE, one at a time each, as fast as they are answered.

use crate::data::File;
use crate::wire;
use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use dicom::dimse::{self, Command, Decoded, Priority, Status, StoreRequest};
use dicom::pdu::{self, APPLICATION_CONTEXT, AeTitle, AssociateRq, Pdu, ProposedContext};
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

/// To whom.
#[derive(Clone, Copy)]
pub(crate) struct Receiver<'a> {
    pub(crate) port: u16,
    pub(crate) called: &'a str,
    pub(crate) calling: &'a str,
}

/// What came of it.
pub(crate) struct Pushed {
    /// From the first connection to the last answer.
    pub(crate) wall_s: f64,
    /// Answered 0000H.
    pub(crate) stored: usize,
    /// The wait for each answer, sorted.
    waits_ms: Vec<f64>,
}

impl Pushed {
    /// The wait that so many of a hundred did not exceed.
    pub(crate) fn percentile_ms(&self, of_hundred: usize) -> Option<f64> {
        self.waits_ms.get((self.waits_ms.len() * of_hundred / 100).min(self.waits_ms.len() - 1)).copied()
    }
}

/// Pushes all files, each association its share.
pub(crate) fn push(to: Receiver<'_>, files: &[File], associations: usize) -> Result<Pushed> {
    let share = files.len().div_ceil(associations.max(1)).max(1);
    let begun = Instant::now();
    let done: Vec<Result<(usize, Vec<f64>)>> = std::thread::scope(|scope| {
        let senders: Vec<_> =
            files.chunks(share).map(|files| scope.spawn(move || associate(to, files))).collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap_or_else(|_| bail!("a sender broke off")))
            .collect()
    });
    let (wall_s, mut stored, mut waits_ms) = (begun.elapsed().as_secs_f64(), 0, Vec::new());
    for sender in done {
        let (own_stored, own_waits) = sender?;
        stored += own_stored;
        waits_ms.extend(own_waits);
    }
    waits_ms.sort_by(f64::total_cmp);
    Ok(Pushed { wall_s, stored, waits_ms })
}

/// One association with one presentation context per SOP class and transfer syntax.
fn associate(to: Receiver<'_>, files: &[File]) -> Result<(usize, Vec<f64>)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, to.port))?;
    stream.set_nodelay(true)?;
    let mut contexts: BTreeMap<(&str, &str), u8> = BTreeMap::new();
    for file in files {
        let id = u8::try_from(contexts.len() * 2 + 1).context("too many kinds of objects")?;
        contexts.entry((&file.sop_class, &file.transfer_syntax)).or_insert(id);
    }
    let proposed = contexts.iter().map(|((class, syntax), id)| ProposedContext {
        id: *id,
        abstract_syntax: (*class).into(),
        transfer_syntaxes: vec![(*syntax).into()],
    });
    let request = AssociateRq {
        protocol_version: 1,
        called_ae: AeTitle::parse(to.called)?,
        calling_ae: AeTitle::parse(to.calling)?,
        application_context: APPLICATION_CONTEXT.into(),
        contexts: proposed.collect(),
        user: wire::user(16 << 10),
    };
    wire::send(&mut stream, &Pdu::AssociateRq(request))?;
    let mut buffer = BytesMut::new();
    let Pdu::AssociateAc(accepted) = wire::receive(&mut stream, &mut buffer)? else {
        bail!("the association was not accepted")
    };
    if accepted.contexts.iter().any(|context| context.result.is_err()) {
        bail!("a presentation context was not accepted");
    }
    // 0 is no limit (PS3.8 Annex D.1).
    let pdu_max = accepted.user.pdu_bytes_max.filter(|max| *max != 0).unwrap_or(1 << 20).min(1 << 20);
    let (mut stored, mut waits_ms) = (0, Vec::with_capacity(files.len()));
    for (file, message_id) in files.iter().zip((1..=u16::MAX).cycle()) {
        let context = contexts[&(file.sop_class.as_str(), file.transfer_syntax.as_str())];
        let begun = Instant::now();
        let status = store(&mut stream, &mut buffer, file, context, message_id, pdu_max)?;
        waits_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        stored += usize::from(status == Status::SUCCESS);
    }
    wire::send(&mut stream, &Pdu::ReleaseRq)?;
    wire::receive(&mut stream, &mut buffer)?;
    Ok((stored, waits_ms))
}

/// One C-STORE: command and data set leave together, then the answer is waited for.
fn store(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    file: &File,
    context: u8,
    message_id: u16,
    pdu_max: u32,
) -> Result<Status> {
    let request = Command::StoreRq(StoreRequest {
        message_id,
        sop_class: file.sop_class.clone(),
        sop_instance: file.sop_instance.clone(),
        priority: Priority::Medium,
        move_originator: None,
    });
    let command = dimse::encode(&request, true);
    let fragment = (pdu_max as usize - pdu::PDV_HEADER_BYTES) & !1;
    let dataset = file.dataset();
    let headers: Vec<[u8; 12]> =
        std::iter::once(Ok(pdu::data_header(context, true, true, length(&command)?)))
            .chain(dataset.chunks(fragment).enumerate().map(|(at, piece)| {
                let is_last = (at + 1) * fragment >= dataset.len();
                Ok(pdu::data_header(context, false, is_last, length(piece)?))
            }))
            .collect::<Result<_>>()?;
    let bodies = std::iter::once(command.as_slice()).chain(dataset.chunks(fragment));
    let mut pieces: Vec<IoSlice<'_>> = headers
        .iter()
        .zip(bodies)
        .flat_map(|(header, body)| [IoSlice::new(header), IoSlice::new(body)])
        .collect();
    wire::write_all(stream, &mut pieces)?;
    let mut answer = Vec::new();
    loop {
        let Pdu::Data(values) = wire::receive(stream, buffer)? else { bail!("no answer to a C-STORE") };
        for value in values {
            answer.extend_from_slice(&value.bytes);
            if value.is_last {
                return match dimse::decode(&answer) {
                    Ok(Decoded::Known(Command::StoreRsp(response), _)) => Ok(response.status),
                    _ => bail!("the answer is no C-STORE response"),
                };
            }
        }
    }
}

fn length(bytes: &[u8]) -> Result<u32> {
    u32::try_from(bytes.len()).context("a fragment of 4 GiB")
}
