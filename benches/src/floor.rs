//! The floor of receiving: the least work that a C-STORE receiver can do which keeps its promise. It accepts whatever is
//! proposed, strips the PDV headers, writes what follows to one file per object as it comes, syncs the file, and answers.

use crate::wire::{self, PDU_BYTES_MAX};
use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use dicom::dimse::{self, Command, Decoded, Status};
use dicom::part10;
use dicom::pdu::{self, AssociateAc, AssociateRq, ContextResult, Pdu};
use std::collections::HashMap;
use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    out: PathBuf,
}

/// Serves until it is killed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))?;
    for stream in listener.incoming() {
        let (stream, out) = (stream?, args.out.clone());
        std::thread::spawn(move || {
            if let Err(error) = serve(stream, &out) {
                eprintln!("{error:#}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream, out: &Path) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::new();
    let Pdu::AssociateRq(request) = wire::receive(&mut stream, &mut input)? else { bail!("no request") };
    let syntaxes = first_syntaxes(&request);
    let contexts = syntaxes.iter().map(|(id, syntax)| ContextResult { id: *id, result: Ok(syntax.clone()) });
    let accept = AssociateAc {
        called_ae: request.called_ae,
        calling_ae: request.calling_ae,
        contexts: contexts.collect(),
        user: wire::user(PDU_BYTES_MAX),
    };
    wire::send(&mut stream, &Pdu::AssociateAc(accept))?;
    Desk { stream, out, syntaxes, command: Vec::new(), object: None }.receive(&input)
}

fn first_syntaxes(request: &AssociateRq) -> HashMap<u8, String> {
    let first = |syntaxes: &[String]| syntaxes.first().cloned().unwrap_or_default();
    request.contexts.iter().map(|context| (context.id, first(&context.transfer_syntaxes))).collect()
}

struct Desk<'a> {
    stream: TcpStream,
    out: &'a Path,
    syntaxes: HashMap<u8, String>,
    command: Vec<u8>,
    object: Option<(File, Command)>,
}

/// What is left of the PDU and of the PDV that the input stands in.
#[derive(Default)]
struct Place {
    pdu: usize,
    pdv: usize,
    context: u8,
    is_command: bool,
    is_last: bool,
}

impl Desk<'_> {
    /// Works through the stream: every piece goes from the buffer it was read into straight to the file.
    fn receive(mut self, early: &[u8]) -> Result<()> {
        let mut buffer = vec![0; 1 << 20];
        buffer[..early.len()].copy_from_slice(early);
        let (mut have, mut place) = (early.len(), Place::default());
        loop {
            let mut at = 0;
            let mut pieces: Vec<IoSlice<'_>> = Vec::new();
            while at < have {
                let rest = &buffer[at..have];
                if place.pdu == 0 && place.pdv == 0 {
                    let Some(header) = rest.first_chunk::<6>() else { break };
                    match header[0] {
                        4 => place.pdu = word(&header[2..])?,
                        5 => return wire::send(&mut self.stream, &Pdu::ReleaseRp),
                        other => bail!("PDU type {other}"),
                    }
                    at += header.len();
                } else if place.pdv == 0 {
                    let Some(header) = rest.first_chunk::<6>() else { break };
                    place.pdv = word(header)?.checked_sub(2).context("PDV length")?;
                    (place.context, place.is_command, place.is_last) =
                        (header[4], header[5] & 1 != 0, header[5] & 2 != 0);
                    place.pdu = place.pdu.checked_sub(6 + place.pdv).context("PDU length")?;
                    at += header.len();
                } else {
                    let piece = &rest[..rest.len().min(place.pdv)];
                    if place.is_command {
                        self.command.extend_from_slice(piece);
                    } else {
                        pieces.push(IoSlice::new(piece));
                    }
                    place.pdv -= piece.len();
                    at += piece.len();
                    if place.pdv == 0 && place.is_last {
                        if place.is_command {
                            self.begin(&place)?;
                        } else {
                            self.write(&mut pieces)?;
                            pieces.clear();
                            self.finish(&place)?;
                        }
                    }
                }
            }
            self.write(&mut pieces)?;
            buffer.copy_within(at..have, 0);
            have -= at;
            match self.stream.read(&mut buffer[have..])? {
                0 => return Ok(()),
                n => have += n,
            }
        }
    }

    fn begin(&mut self, place: &Place) -> Result<()> {
        let Ok(Decoded::Known(command, _)) = dimse::decode(&self.command) else { bail!("no command") };
        self.command.clear();
        let Command::StoreRq(request) = &command else { bail!("no C-STORE") };
        let mut file = File::create(self.out.join(&request.sop_instance))?;
        let syntax = self.syntaxes.get(&place.context).context("no such context")?;
        file.write_all(&part10::encode_meta(&request.sop_class, &request.sop_instance, syntax, None))?;
        self.object = Some((file, command));
        Ok(())
    }

    fn write(&mut self, pieces: &mut [IoSlice<'_>]) -> Result<()> {
        let Some((file, _)) = &mut self.object else { return Ok(()) };
        Ok(wire::write_all(file, pieces)?)
    }

    fn finish(&mut self, place: &Place) -> Result<()> {
        let (file, command) = self.object.take().context("a data set without a command")?;
        file.sync_data()?;
        let answer = dimse::encode(&command.answer(Status::SUCCESS).context("no answer")?, false);
        let header = pdu::data_header(place.context, true, true, u32::try_from(answer.len())?);
        Ok(wire::write_all(&mut self.stream, &mut [IoSlice::new(&header), IoSlice::new(&answer)])?)
    }
}

fn word(bytes: &[u8]) -> Result<usize> {
    let bytes = bytes.first_chunk::<4>().context("a length")?;
    Ok(u32::from_be_bytes(*bytes) as usize)
}
