//! The picture of one frame, decoded in memory, few at a time, and sent as PNG.

use super::page::Problem;
use super::{Arc, Desk};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use deid::instance::Instance;
use deid::pixels::Picture;
use deid::state::Identifiable;
use dicom::part10::{Limits, Source};
use dicom::uid::sop_class;
use std::io::Cursor;

/// Frames that a page offers one by one.
const FRAMES_MAX: u32 = 2_000;
/// An object of the outbox that is longer than this is not shown.
const CLEARED_BYTES_MAX: u64 = 512 << 20;

/// An object whose picture is looked at. It is never written anywhere.
pub(super) type Opened = Instance<Identifiable>;

/// What a page may say of an object: nothing here is about a person.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) class: &'static str,
    pub(super) modality: &'static str,
    pub(super) manufacturer: String,
    pub(super) model: String,
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) frames: u32,
}

impl Seen {
    pub(super) fn of(opened: &Opened) -> Self {
        let facts = opened.facts();
        Self {
            class: sop_class::name(&facts.sop_class).unwrap_or("Not known"),
            modality: facts.modality.unwrap_or_default(),
            manufacturer: facts.device.manufacturer.clone(),
            model: facts.device.model.clone(),
            rows: facts.device.rows,
            columns: facts.device.columns,
            frames: opened.frames().min(FRAMES_MAX),
        }
    }
}

/// A received object, unsealed as it is read; `None`: it is gone, or cannot be read.
pub(super) async fn received(desk: &Desk, spool: &str) -> Option<Opened> {
    let (files, id, limits) = (Arc::clone(&desk.hub.spool), spool.to_owned(), limits(desk));
    let opened = tokio::task::spawn_blocking(move || {
        let source: Box<dyn Source> = Box::new(files.read(&id).ok()?);
        Opened::open(source, &limits).ok()
    });
    opened.await.ok().flatten()
}

/// A cleared object, while it is in the outbox.
pub(super) async fn cleared(desk: &Desk, name: &str) -> Option<Opened> {
    let head = desk.hub.outbox.head(name).await.ok()?;
    if head.bytes > CLEARED_BYTES_MAX {
        return None;
    }
    let bytes = desk.hub.outbox.get(name).await.ok()?;
    Opened::open(Box::new(Cursor::new(bytes)), &limits(desk)).ok()
}

fn limits(desk: &Desk) -> Limits {
    Limits { header_bytes_max: desk.hub.config.limits.header_bytes_max, ..Limits::default() }
}

/// A frame, counted from 1, as an answer.
pub(super) async fn answer(desk: &Desk, mut opened: Opened, frame: u32) -> Result<Response, Problem> {
    let turn = Arc::clone(&desk.pictures).acquire_owned().await.map_err(|_| Problem::Failed)?;
    let decoded = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        as_png(&opened.picture(frame.checked_sub(1)?).ok()?)
    });
    let png = decoded.await.ok().flatten().ok_or(Problem::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

fn as_png(picture: &Picture) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&picture.rgb).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}
