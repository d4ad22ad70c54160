//! What text stands on: pictures that look like those of each modality, by arithmetic, values of a range of 255.

use crate::random::Random;

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// A slice through a body: air, fat, lungs with vessels, bones with rims, a couch.
    Ct,
    /// A slice with the shading of a coil and folded tissue.
    Mr,
    /// A chest radiograph inside collimator edges.
    Radiograph,
    /// An ultrasound sector of speckle on black.
    Ultrasound,
    /// A breast on black, with strands.
    Mammogram,
    /// A screen: flat panels, pale and dark, a slope, frames.
    Screen,
}

impl Ground {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Ct, Self::Mr, Self::Radiograph, Self::Ultrasound, Self::Mammogram, Self::Screen];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ct => "CT",
            Self::Mr => "MR",
            Self::Radiograph => "CR/DX",
            Self::Ultrasound => "US",
            Self::Mammogram => "MG",
            Self::Screen => "SC",
        }
    }

    pub(super) fn sides(self) -> &'static [usize] {
        match self {
            Self::Ct => &[256, 512, 512],
            Self::Mr => &[192, 256, 384, 512],
            Self::Radiograph | Self::Mammogram => &[768, 1024, 1536],
            Self::Ultrasound | Self::Screen => &[480, 640, 800],
        }
    }

    pub(super) fn bits(self) -> &'static [u32] {
        match self {
            Self::Ct | Self::Mr => &[12, 12, 16],
            Self::Radiograph | Self::Mammogram => &[8, 10, 12, 14],
            Self::Ultrasound | Self::Screen => &[8],
        }
    }

    pub(super) fn is_grey(self) -> bool {
        matches!(self, Self::Radiograph | Self::Mammogram)
    }

    pub(super) fn has_dead_border(self) -> bool {
        !matches!(self, Self::Ct | Self::Mr)
    }

    /// Draws one; `random` moves its parts.
    pub(super) fn draw(self, width: usize, height: usize, random: &mut Random) -> Vec<f32> {
        let shift = [random.noise() * 0.08, random.noise() * 0.08, random.noise() * 3.0];
        let grid = |value: &mut dyn FnMut(f32, f32) -> f32| {
            let mut values = Vec::with_capacity(width * height);
            for y in 0..height {
                for x in 0..width {
                    let u = (x as f32 + 0.5) / width as f32 * 2.0 - 1.0;
                    let v = (y as f32 + 0.5) / height as f32 * 2.0 - 1.0;
                    values.push(value(u, v).clamp(0.0, 255.0));
                }
            }
            values
        };
        match self {
            Self::Ct => grid(&mut |u, v| slice(u - shift[0], v - shift[1], shift[2])),
            Self::Mr => grid(&mut |u, v| folded(u - shift[0], v - shift[1], shift[2])),
            Self::Radiograph => grid(&mut |u, v| chest(u - shift[0], v - shift[1], shift[2])),
            Self::Mammogram => grid(&mut |u, v| breast(u, v - shift[1], shift[2])),
            Self::Ultrasound => sector(width, height, random),
            Self::Screen => panels(width, height, random),
        }
    }
}

/// 1 well inside an ellipse, 0 outside, with a soft edge.
fn inside(u: f32, v: f32, centre: (f32, f32), radius: (f32, f32), edge: f32) -> f32 {
    let r = ((u - centre.0) / radius.0).hypot((v - centre.1) / radius.1);
    ((1.0 - r) / edge + 0.5).clamp(0.0, 1.0)
}

fn slice(u: f32, v: f32, turn: f32) -> f32 {
    if (v - 0.82 + 0.1 * (1.0 - u * u)).abs() < 0.01 && u.abs() < 0.8 {
        return 90.0;
    }
    let mut value = 4.0;
    let mut over = |part: f32, own: f32| value = value * (1.0 - part) + own * part;
    over(inside(u, v, (0.0, 0.0), (0.86, 0.62), 0.02), 70.0);
    over(inside(u, v, (0.0, 0.0), (0.79, 0.55), 0.02), 118.0);
    for side in [-1.0f32, 1.0] {
        let lung = inside(u, v, (0.42 * side, 0.0), (0.29, 0.42), 0.03);
        let vessels = ((u * 37.0 + turn).sin() * (v * 31.0 - turn).sin()).max(0.0).powi(8);
        over(lung, 15.0 + 110.0 * vessels);
        over(inside(u, v, (0.5 * side, -0.52), (0.09, 0.03), 0.2), 215.0);
    }
    over(inside(u, v, (0.05, -0.1), (0.24, 0.2), 0.06), 150.0);
    over(inside(u, v, (0.0, 0.33), (0.11, 0.09), 0.1), 230.0);
    over(inside(u, v, (0.0, 0.33), (0.085, 0.068), 0.1), 165.0);
    over(inside(u, v, (0.0, 0.44), (0.045, 0.04), 0.1), 110.0);
    let ring = (u / 0.74).hypot(v / 0.51);
    let rib = (v.atan2(u) * 9.0 + turn).sin();
    over((1.0 - ((ring - 1.0) / 0.035).abs()).clamp(0.0, 1.0) * ((rib - 0.3) * 4.0).clamp(0.0, 1.0), 210.0);
    value
}

fn folded(u: f32, v: f32, turn: f32) -> f32 {
    let skull = inside(u, v, (0.0, 0.0), (0.75, 0.88), 0.02) - inside(u, v, (0.0, 0.0), (0.70, 0.83), 0.02);
    let brain = inside(u, v, (0.0, 0.0), (0.64, 0.76), 0.03);
    let folds =
        (14.0 * u + 3.0 * (9.0 * v + turn).sin()).sin() * (12.0 * v + 2.0 * (11.0 * u - turn).sin()).sin();
    let matter = 95.0 + 45.0 * (folds * 3.0).clamp(-1.0, 1.0);
    let ventricle = inside(u.abs(), v, (0.11, -0.05), (0.06, 0.25), 0.1);
    let value = 190.0 * skull + brain * (matter * (1.0 - ventricle) + 25.0 * ventricle);
    (value + 6.0) * (1.1 - 0.3 * v + 0.15 * u)
}

fn chest(u: f32, v: f32, turn: f32) -> f32 {
    if u.abs() > 0.93 || v.abs() > 0.95 {
        return 0.0;
    }
    let a = u.abs();
    let torso = inside(u, v, (0.0, 0.35), (0.95, 1.5), 0.08);
    let mut value = 14.0 + 150.0 * torso;
    let air = inside(a, v, (0.42, -0.08), (0.34, 0.7), 0.2);
    value -= 95.0 * air;
    value += 60.0 * inside(u, v, (0.14, 0.24), (0.33, 0.31), 0.14);
    let bell = |d: f32, w: f32| (-(d / w).powi(2)).exp();
    value += 40.0 * bell(u, 0.08) * (1.0 + 0.25 * (v * 38.0 + turn).sin());
    for rib in 0..10u8 {
        let back = -0.78 + 0.145 * f32::from(rib) + 0.5 * (a - 0.3).powi(2);
        value += 28.0 * bell(v - back, 0.02) * inside(a, v, (0.42, 0.0), (0.45, 0.9), 0.2);
    }
    let (hu, hv) = (a - 0.17, v + 0.05);
    let branches = (hv.atan2(hu) * 9.0 + turn).cos().max(0.0).powi(6) * (1.0 - hu.hypot(hv) / 0.5).max(0.0);
    value + 40.0 * branches * air
}

fn breast(u: f32, v: f32, turn: f32) -> f32 {
    let depth = ((u + 1.0) / 1.35).hypot(v / 0.85);
    if depth > 1.0 {
        return 0.0;
    }
    let strands = (22.0 * v + 5.0 * (6.0 * u + turn).sin()).sin() * (7.0 * u - turn).cos();
    let rim = ((1.0 - depth) / 0.15).clamp(0.0, 1.0);
    rim * (80.0 + 45.0 * (1.0 - depth) + 35.0 * strands.max(0.0))
}

/// Speckle: the length of a sum of two noises that neighbours share.
fn sector(width: usize, height: usize, random: &mut Random) -> Vec<f32> {
    let mut field = || {
        let raw: Vec<f32> = (0..width * height).map(|_| random.noise()).collect();
        let mut smooth = raw.clone();
        for y in 0..height {
            for x in 2..width {
                let at = y * width + x;
                smooth[at] = (raw[at] + raw[at - 1] + raw[at - 2]) * 0.577;
            }
        }
        let across = smooth.clone();
        for at in width..width * height {
            smooth[at] = (across[at] + across[at - width]) * 0.707;
        }
        smooth
    };
    let (real, imaginary) = (field(), field());
    let mut values = vec![0.0; width * height];
    for (at, value) in values.iter_mut().enumerate() {
        let u = (at % width) as f32 / width as f32 * 2.0 - 1.0;
        let v = (at / width) as f32 / height as f32 * 2.0 - 1.0;
        let (depth, angle) = (u.hypot(v + 1.1), u.atan2(v + 1.1));
        if angle.abs() < 0.62 && (0.35..1.9).contains(&depth) {
            let organs = 45.0 + 25.0 * (depth * 9.0).sin() + 20.0 * (angle * 7.0).cos();
            let cyst = inside(u, v, (0.15, 0.1), (0.14, 0.18), 0.2);
            *value = (organs * real[at].hypot(imaginary[at]) * (1.0 - 0.9 * cyst)).clamp(1.0, 255.0);
        }
    }
    values
}

/// Panels of a screen.
fn panels(width: usize, height: usize, random: &mut Random) -> Vec<f32> {
    let base = random.pick(&[0.0, 0.0, 30.0, 225.0]);
    let mut values = vec![base; width * height];
    for _ in 0..6 {
        let left = random.below(width as u64 * 3 / 4) as usize;
        let top = random.below(height as u64 * 3 / 4) as usize;
        let right = (left + width / 6 + random.below(width as u64 / 3) as usize).min(width);
        let bottom = (top + height / 8 + random.below(height as u64 / 3) as usize).min(height);
        let (shade, slope) = (random.pick(&[0.0, 40.0, 128.0, 200.0, 240.0]), random.pick(&[0.0, 0.0, 0.2]));
        let framed = random.below(3) == 0;
        for y in top..bottom {
            for x in left..right {
                let edge = x == left || y == top || x + 1 == right || y + 1 == bottom;
                let value = if framed && edge { 255.0 - shade } else { shade + slope * (x - left) as f32 };
                values[y * width + x] = value.clamp(0.0, 255.0);
            }
        }
    }
    values
}
