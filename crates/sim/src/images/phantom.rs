//! What the images show: a chest radiograph, slices through a chest, a screen and an ultrasound fan, by arithmetic.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "densities are clamped to the range of a sample"
)]

use super::{Instance, Kind, Oddity, glyphs};
use crate::encode::{Pixels, Samples};
use crate::random::Random;

/// The pixels of an instance; `None` for objects without any.
pub(super) fn render(instance: &Instance) -> Option<Pixels> {
    let mut noise = Random::labelled(instance.seed, &instance.uid);
    let size = instance.size;
    let mut pixels = match instance.series.kind {
        Kind::Cr | Kind::Dx => grey(size, size, 12, |u, v| chest(u, v) + 25.0 * noise.noise()),
        Kind::Ct => {
            let z = instance.depth();
            grey(size, size, 12, |u, v| 1024.0 + slice(u, v, z) + 15.0 * noise.noise())
        }
        Kind::Mr => {
            let z = instance.depth();
            grey(size, size, 12, |u, v| magnetic(u, v, z) + 20.0 * noise.noise())
        }
        Kind::Ultrasound => fan(instance, &mut noise),
        Kind::SecondaryCapture => screen(instance),
        Kind::DoseReport | Kind::PresentationState => return None,
    };
    if instance.oddity == Some(Oddity::BurnedIn) {
        burn(&mut pixels, &instance.banner());
    }
    Some(pixels)
}

pub(crate) fn grey(rows: u16, columns: u16, bits: u16, mut density: impl FnMut(f32, f32) -> f32) -> Pixels {
    let top = f32::from((1u16 << bits) - 1);
    let mut samples = Vec::with_capacity(usize::from(rows) * usize::from(columns));
    for y in 0..rows {
        let v = (f32::from(y) + 0.5) / f32::from(rows) * 2.0 - 1.0;
        for x in 0..columns {
            let u = (f32::from(x) + 0.5) / f32::from(columns) * 2.0 - 1.0;
            samples.push(density(u, v).clamp(0.0, top) as u16);
        }
    }
    Pixels { rows, columns, channels: 1, bits, samples: Samples::Sixteen(samples) }
}

/// 1 well inside an ellipse, 0 outside, with a soft edge.
fn inside(u: f32, v: f32, (cu, cv): (f32, f32), (ru, rv): (f32, f32), edge: f32) -> f32 {
    let r = ((u - cu) / ru).hypot((v - cv) / rv);
    ((1.0 - r) / edge + 0.5).clamp(0.0, 1.0)
}

fn bell(distance: f32, width: f32) -> f32 {
    (-(distance / width).powi(2)).exp()
}

/// A posterior-anterior chest radiograph: bright is dense.
pub(crate) fn chest(u: f32, v: f32) -> f32 {
    let a = u.abs();
    let torso = inside(u, v, (0.0, 0.35), (0.98, 1.5), 0.06) * (1.0 - 0.6 * bell(v + 1.1, 0.25) * a);
    let mut d = 120.0 + 2150.0 * torso;
    let dome = 0.55 - 0.22 * bell(a - 0.42, 0.32) - if u < 0.0 { 0.05 } else { 0.0 };
    let air =
        inside(a, v, (0.42, -0.08), (0.36, 0.74), 0.18) * (1.0 - ((v - dome) / 0.03 + 0.5).clamp(0.0, 1.0));
    d -= 1350.0 * air;
    // Vessels fan out from each hilum.
    let (hu, hv) = (a - 0.17, v + 0.05);
    let branches = (hv.atan2(hu) * 9.0).cos().max(0.0).powi(6) * (1.0 - hu.hypot(hv) / 0.5).max(0.0);
    d += 350.0 * branches * air;
    d += 900.0 * inside(u, v, (0.14, 0.24), (0.33, 0.31), 0.14) * (0.5 + 0.5 * air);
    d += 300.0 * inside(u, v, (0.02, -0.2), (0.13, 0.5), 0.4);
    d += 420.0 * bell(u, 0.08) * (1.0 + 0.25 * (v * 38.0).sin());
    d -= 380.0 * bell(u, 0.045) * bell((v + 0.75).max(0.0), 0.4);
    for rib in 0..10u8 {
        let back = -0.78 + 0.145 * f32::from(rib) + 0.5 * (a - 0.3).powi(2);
        let front = -0.60 + 0.16 * f32::from(rib) + 0.55 * a;
        let fade = inside(a, v, (0.42, -0.02), (0.47, 0.9), 0.2);
        d += fade
            * (300.0 * bell(v - back, 0.022) + 110.0 * bell(v - front, 0.02) * f32::from(u8::from(a > 0.3)));
    }
    d + 420.0
        * bell(v + 0.80 + 0.12 * (a * 5.0).sin() * a, 0.03)
        * f32::from(u8::from(a > 0.08 && a < 0.8))
        * torso
}

/// Hounsfield units of a slice; `z` runs from 0 (apex) to 1 (base).
pub(crate) fn slice(u: f32, v: f32, z: f32) -> f32 {
    if (v - 0.80 + 0.08 * (1.0 - u * u)).abs() < 0.012 && u.abs() < 0.8 {
        return -150.0;
    }
    let wide = 0.80 + 0.12 * z;
    let skin = inside(u, v, (0.0, 0.0), (wide, 0.62), 0.01);
    if skin < 0.5 {
        return -1000.0;
    }
    let mut hu = if inside(u, v, (0.0, 0.0), (wide - 0.06, 0.56), 0.01) < 0.5 { -95.0 } else { 48.0 };
    let swell = (std::f32::consts::PI * (0.12 + 0.78 * z)).sin();
    let lung = inside(u.abs(), v, (0.42, 0.02), (0.31 * swell, 0.43 * swell), 0.03);
    if lung > 0.5 {
        let vessel = (u * 41.0 + z * 9.0).sin() * (v * 37.0 - z * 7.0).sin();
        hu = if vessel > 0.93 { -60.0 } else { -860.0 };
    }
    if inside(u, v, (0.10, -0.10), (0.32 * swell, 0.24 * swell), 0.02) > 0.5 && z > 0.45 {
        hu = 130.0;
    }
    for (centre, radius, value) in [
        ((0.07, 0.20), 0.055, 190.0),
        ((0.0, 0.30), 0.10, 260.0),
        ((0.0, 0.42), 0.045, 30.0),
        ((0.0, -0.48), 0.05, 320.0),
    ] {
        let at = inside(u, v, centre, (radius, radius), 0.02);
        if at > 0.5 {
            // Bone has a bright rim.
            hu = if value > 200.0 && inside(u, v, centre, (radius * 0.8, radius * 0.8), 0.02) < 0.5 {
                700.0
            } else {
                value
            };
        }
    }
    if z < 0.55 && inside(u, v, (0.0, 0.02), (0.045, 0.045), 0.02) > 0.5 {
        hu = -1000.0; // The trachea.
    }
    let ring = (u / (wide - 0.13)).hypot(v / 0.50);
    let turn = v.atan2(u) * 7.0 + z * 11.0;
    if (ring - 1.0).abs() < 0.035 && turn.sin() > 0.35 && u.abs() > 0.2 {
        hu = 550.0;
    }
    hu
}

/// A T1-weighted slice: fat bright, lung dark, blood by flow, shaded by the coil.
pub(crate) fn magnetic(u: f32, v: f32, z: f32) -> f32 {
    let signal = match slice(u, v, z) {
        hu if hu < -500.0 => 25.0,
        hu if hu < -80.0 => 1700.0,
        hu if hu < 100.0 => 650.0,
        hu if hu < 200.0 => 1050.0,
        _ => 320.0,
    };
    signal * (1.15 - 0.35 * v)
}

/// A screen that somebody photographed with a key press: a banner over a small picture, in colour.
fn screen(instance: &Instance) -> Pixels {
    let size = instance.size;
    let mut pixels =
        Pixels { rows: size, columns: size, channels: 3, bits: 8, samples: Samples::Eight(Vec::new()) };
    let z = instance.depth();
    let picture = grey(size, size, 8, |u, v| 60.0 + chest(u, v) / 20.0 + z);
    if let Samples::Sixteen(grey) = picture.samples {
        pixels.samples = Samples::Eight(
            grey.iter().flat_map(|s| [*s as u8, *s as u8, (*s as u8).saturating_add(24)]).collect(),
        );
    }
    burn(&mut pixels, &instance.banner());
    pixels
}

/// An ultrasound sector under a banner with the patient's name.
fn fan(instance: &Instance, noise: &mut Random) -> Pixels {
    let wide = grey(instance.size, instance.size, 8, |u, v| {
        let (depth, angle) = (u.hypot(v + 1.1), u.atan2(v + 1.1));
        if angle.abs() > 0.6 || !(0.35..1.9).contains(&depth) {
            return 0.0;
        }
        (70.0 + 40.0 * (depth * 31.0).sin() + 55.0 * noise.noise()) * (1.3 - depth / 2.0)
    });
    let Samples::Sixteen(samples) = wide.samples else { return wide };
    let samples = Samples::Eight(samples.iter().map(|s| *s as u8).collect());
    let mut pixels = Pixels { samples, bits: 8, ..wide };
    burn(&mut pixels, &instance.banner());
    pixels
}

/// Writes lines of text into the upper left corner, at the highest value.
fn burn(pixels: &mut Pixels, lines: &[String]) {
    let (columns, rows) = (usize::from(pixels.columns), usize::from(pixels.rows));
    let channels = usize::from(pixels.channels);
    let scale = (columns / 256).max(1);
    for (line, text) in lines.iter().enumerate() {
        for (x, y) in glyphs::dots(text, scale) {
            let (x, y) = (x + 4 * scale, y + (4 + 10 * line) * scale);
            if x >= columns || y >= rows {
                continue;
            }
            let at = (y * columns + x) * channels;
            match &mut pixels.samples {
                Samples::Eight(samples) => samples[at..at + channels].fill(255),
                Samples::Sixteen(samples) => samples[at] = (1 << pixels.bits) - 1,
            }
        }
    }
}

/// The plane of an overlay: one bit a pixel, the same text (PS3.3 C.9.2).
pub(crate) fn overlay(size: u16, lines: &[String]) -> Vec<u8> {
    let columns = usize::from(size);
    let mut bits = vec![0u8; (columns * columns).div_ceil(16) * 2];
    for (line, text) in lines.iter().enumerate() {
        for (x, y) in glyphs::dots(text, 1) {
            let at = (y + 20 + 10 * line) * columns + x + 4;
            if x + 4 < columns && at < columns * columns {
                bits[at / 8] |= 1 << (at % 8);
            }
        }
    }
    bits
}
