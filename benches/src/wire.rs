//! What load generator and floor share of the wire: whole PDUs and buffers that leave in one system call.

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use dicom::pdu::{self, Limits, Pdu, UserInformation};
use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;

/// The largest PDU that the floor offers to take.
pub(crate) const PDU_BYTES_MAX: u32 = 256 << 10;

pub(crate) fn user(pdu_bytes_max: u32) -> UserInformation {
    UserInformation {
        pdu_bytes_max: Some(pdu_bytes_max),
        implementation_class: "2.25.243563458345634563456345634563456".into(),
        implementation_version: "TRIBUTARY_BENCH".into(),
        roles: Vec::new(),
    }
}

pub(crate) fn send(stream: &mut TcpStream, pdu: &Pdu) -> Result<()> {
    let mut out = BytesMut::new();
    pdu::write(pdu, &mut out);
    Ok(stream.write_all(&out)?)
}

/// Reads until a PDU is whole; `buffer` keeps what came after it.
pub(crate) fn receive(stream: &mut TcpStream, buffer: &mut BytesMut) -> Result<Pdu> {
    let mut piece = [0; 16 << 10];
    loop {
        if let Some(pdu) = pdu::read(buffer, &Limits::default()).context("the peer's PDU")? {
            return Ok(pdu);
        }
        match stream.read(&mut piece)? {
            0 => bail!("the peer closed the connection"),
            n => buffer.extend_from_slice(&piece[..n]),
        }
    }
}

/// Writes all pieces, as many at once as the system takes.
pub(crate) fn write_all(out: &mut impl Write, mut pieces: &mut [IoSlice<'_>]) -> std::io::Result<()> {
    while !pieces.is_empty() {
        match out.write_vectored(&pieces[..pieces.len().min(1024)]) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut pieces, n),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
