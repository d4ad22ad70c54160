//! One scan of JPEG-LS: contexts, prediction, Golomb codes and runs (ITU-T T.87 Annex A).

/// Bits behind a marker's FF are stuffed: the bit after a byte of FF is 0 and says nothing (A.1).
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    cache: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, cache: 0, count: 0 }
    }

    /// How many bytes have been taken; never beyond the marker that ends the scan.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            if byte == 0xFF && self.bytes.get(self.at + 1).is_none_or(|&next| next >= 0x80) {
                return;
            }
            let stuffed = self.at > 0 && self.bytes[self.at - 1] == 0xFF;
            let width = if stuffed { 7 } else { 8 };
            self.cache |= u64::from(byte) << (64 - width - self.count);
            self.count += width;
            self.at += 1;
        }
    }

    /// So many bits, at most 32.
    fn read(&mut self, count: u32) -> Option<u32> {
        if count == 0 {
            return Some(0);
        }
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count)?;
        let bits = u32::try_from(self.cache >> (64 - count)).ok()?;
        self.cache <<= count;
        Some(bits)
    }

    /// The zeros before the next one, at most `max`; the one is passed too.
    fn zeros(&mut self, max: u32) -> Option<u32> {
        if self.count < max + 1 {
            self.fill();
        }
        let zeros = self.cache.leading_zeros();
        if zeros > max || zeros >= self.count {
            return None;
        }
        self.read(zeros + 1)?;
        Some(zeros)
    }
}

/// How components follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interleave {
    None,
    Line,
    Sample,
}

impl Interleave {
    pub(super) fn of(code: u8, components: usize) -> Option<Self> {
        match (code, components) {
            (_, 1) => Some(Self::None),
            (1, 2..=4) => Some(Self::Line),
            (2, 2..=4) => Some(Self::Sample),
            _ => None,
        }
    }
}

/// MAXVAL and what follows from it (A.2, C.2.4.1.1).
pub(super) struct Parameters {
    maxval: i32,
    near: i32,
    t: [i32; 3],
    reset: i32,
    range: i32,
    /// Bits of an error.
    qbpp: u32,
    limit: u32,
}

impl Parameters {
    pub(super) fn new(precision: u32, near: i32, preset: Option<[i32; 5]>) -> Option<Self> {
        let [maxval, t1, t2, t3, reset] = preset.unwrap_or_default();
        let whole = (1 << precision) - 1;
        let maxval = if maxval == 0 { whole } else { maxval };
        if maxval > whole || near > maxval / 2 {
            return None;
        }
        let t = defaults(maxval, near);
        let t =
            [(t1, t[0]), (t2, t[1]), (t3, t[2])].map(|(given, usual)| if given == 0 { usual } else { given });
        let reset = if reset == 0 { 64 } else { reset.max(3) };
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bits = |values: i32| 32 - (values - 1).leading_zeros();
        let bpp = bits(maxval + 1).max(2);
        Some(Self { maxval, near, t, reset, range, qbpp: bits(range), limit: 2 * (bpp + bpp.max(8)) })
    }

    fn quantize(&self, d: i32) -> i32 {
        let [t1, t2, t3] = self.t;
        let size = match d.abs() {
            size if size <= self.near => 0,
            size if size < t1 => 1,
            size if size < t2 => 2,
            size if size < t3 => 3,
            _ => 4,
        };
        size * d.signum()
    }

    /// The sample that a prediction and an error make (A.4.5, A.5.2).
    fn sample(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = predicted + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.maxval + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.maxval)
    }
}

/// The thresholds that T.87 C.2.4.1.1.1 gives.
fn defaults(maxval: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, low: i32| if value > maxval || value < low { low } else { value };
    let basic = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
    } else {
        let factor = 256 / (maxval + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let t1 = clamp(basic[0], near + 1);
    let t2 = clamp(basic[1], t1);
    [t1, t2, clamp(basic[2], t2)]
}

/// What has been seen in one context: A, B, C, N.
#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// J: how long runs may be (A.7.1.1).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Contexts of gradients; two more are for what ends a run.
const GRADIENTS: usize = 365;

pub(super) struct Scan {
    parameters: Parameters,
    width: usize,
    components: usize,
    contexts: Vec<Context>,
    /// For each component.
    run_index: Vec<usize>,
}

/// A line with one sample before it and one behind.
type Line = Vec<i32>;

impl Scan {
    pub(super) fn new(parameters: Parameters, width: usize, components: usize) -> Self {
        let a = ((parameters.range + 32) / 64).max(2);
        let contexts = vec![Context { a, b: 0, c: 0, n: 1 }; GRADIENTS + 2];
        Self { parameters, width, components, contexts, run_index: vec![0; components] }
    }

    /// Decodes the scan: one plane for each component.
    pub(super) fn decode(
        mut self,
        bits: &mut Bits<'_>,
        interleave: Interleave,
        height: usize,
    ) -> Option<Vec<Vec<u16>>> {
        let mut planes: Vec<Vec<u16>> =
            (0..self.components).map(|_| Vec::with_capacity(self.width * height)).collect();
        let mut above = vec![vec![0; self.width + 2]; self.components];
        let mut lines = above.clone();
        for _ in 0..height {
            for (line, above) in lines.iter_mut().zip(&mut above) {
                // Beyond the edges stand the nearest samples of the line above (A.2.1).
                above[self.width + 1] = above[self.width];
                line[0] = above[1];
            }
            match interleave {
                Interleave::None | Interleave::Line => {
                    for component in 0..self.components {
                        self.line(bits, &above[component], &mut lines[component], component)?;
                    }
                }
                Interleave::Sample => self.pixels(bits, &above, &mut lines)?,
            }
            for (plane, line) in planes.iter_mut().zip(&lines) {
                plane.extend(
                    line[1..=self.width].iter().map(|&value| u16::try_from(value).unwrap_or(u16::MAX)),
                );
            }
            std::mem::swap(&mut above, &mut lines);
        }
        Some(planes)
    }

    /// One line of one component.
    fn line(&mut self, bits: &mut Bits<'_>, above: &Line, line: &mut Line, component: usize) -> Option<()> {
        let mut at = 1;
        while at <= self.width {
            let around = Around::of(above, line, at);
            let context = around.context(&self.parameters);
            if context != 0 {
                line[at] = self.regular(bits, around, context)?;
                at += 1;
                continue;
            }
            let end = at + self.run(bits, self.width + 1 - at, component)?;
            line[at..end].fill(around.a);
            at = end;
            if at <= self.width {
                let b = above[at];
                let ends_alike = (around.a - b).abs() <= self.parameters.near;
                line[at] = self.interruption(bits, around.a, b, ends_alike, component)?;
                self.run_index[component] = self.run_index[component].saturating_sub(1);
                at += 1;
            }
        }
        Some(())
    }

    /// One line of all components, sample by sample: they run together or not at all (A.7, B.3).
    fn pixels(&mut self, bits: &mut Bits<'_>, above: &[Line], lines: &mut [Line]) -> Option<()> {
        let mut at = 1;
        while at <= self.width {
            let around: Vec<Around> =
                above.iter().zip(&*lines).map(|(above, line)| Around::of(above, line, at)).collect();
            let contexts: Vec<i32> = around.iter().map(|around| around.context(&self.parameters)).collect();
            if contexts.iter().any(|&context| context != 0) {
                for (line, (around, context)) in lines.iter_mut().zip(around.into_iter().zip(contexts)) {
                    line[at] = self.regular(bits, around, context)?;
                }
                at += 1;
                continue;
            }
            let end = at + self.run(bits, self.width + 1 - at, 0)?;
            for (line, around) in lines.iter_mut().zip(&around) {
                line[at..end].fill(around.a);
            }
            at = end;
            if at <= self.width {
                for ((line, above), around) in lines.iter_mut().zip(above).zip(&around) {
                    line[at] = self.interruption(bits, around.a, above[at], false, 0)?;
                }
                self.run_index[0] = self.run_index[0].saturating_sub(1);
                at += 1;
            }
        }
        Some(())
    }

    /// A Golomb code of limited length (A.5.3).
    fn golomb(&self, bits: &mut Bits<'_>, k: u32, limit: u32) -> Option<i32> {
        let longest = limit.checked_sub(self.parameters.qbpp + 1)?;
        let zeros = bits.zeros(longest)?;
        let value =
            if zeros < longest { (zeros << k) | bits.read(k)? } else { bits.read(self.parameters.qbpp)? + 1 };
        // No error is larger than the range.
        i32::try_from(value).ok().filter(|value| *value <= 2 * self.parameters.range)
    }

    /// A sample in regular mode (A.4 to A.6).
    fn regular(&mut self, bits: &mut Bits<'_>, around: Around, context: i32) -> Option<i32> {
        let sign = if context < 0 { -1 } else { 1 };
        let index = usize::try_from(context.abs()).ok()?;
        let seen = *self.contexts.get(index)?;
        let k = golomb_parameter(seen.n, seen.a)?;
        let predicted = (around.predicted() + sign * seen.c).clamp(0, self.parameters.maxval);
        let mapped = self.golomb(bits, k, self.parameters.limit)?;
        let turned = self.parameters.near == 0 && k == 0 && 2 * seen.b <= -seen.n;
        let error = match (mapped % 2 == 0, turned) {
            (true, false) => mapped / 2,
            (false, false) => -(mapped / 2) - 1,
            (true, true) => -(mapped / 2) - 1,
            (false, true) => mapped / 2,
        };
        let (near, reset) = (self.parameters.near, self.parameters.reset);
        self.contexts[index].saw(error, near, reset);
        Some(self.parameters.sample(predicted, sign * error))
    }

    /// How far a run goes (A.7.1).
    fn run(&mut self, bits: &mut Bits<'_>, left: usize, component: usize) -> Option<usize> {
        let mut run = 0;
        let index = &mut self.run_index[component];
        while bits.read(1)? == 1 {
            let step = (1 << J[*index]).min(left - run);
            run += step;
            if step == 1 << J[*index] {
                *index = (*index + 1).min(31);
            }
            if run == left {
                return Some(run);
            }
        }
        run += usize::try_from(bits.read(J[*index])?).ok()?;
        (run <= left).then_some(run)
    }

    /// The sample that ends a run (A.7.2).
    fn interruption(
        &mut self,
        bits: &mut Bits<'_>,
        a: i32,
        b: i32,
        alike: bool,
        component: usize,
    ) -> Option<i32> {
        let kind = i32::from(alike);
        let index = GRADIENTS + usize::from(alike);
        let seen = self.contexts[index];
        let k = golomb_parameter(seen.n, if alike { seen.a.saturating_add(seen.n >> 1) } else { seen.a })?;
        let limit = self.parameters.limit.checked_sub(J[self.run_index[component]] + 1)?;
        let mapped = self.golomb(bits, k, limit)?;
        let folded = mapped + kind;
        let size = (folded + 1) / 2;
        // Here B counts negative errors: Nn.
        let negative = (k != 0 || 2 * seen.b >= seen.n) == (folded % 2 == 1);
        let error = if negative { -size } else { size };
        let context = &mut self.contexts[index];
        context.b += i32::from(error < 0);
        context.a = context.a.saturating_add((mapped + 1 - kind) >> 1);
        if context.n == self.parameters.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        let sign = if !alike && a > b { -1 } else { 1 };
        Some(self.parameters.sample(if alike { a } else { b }, sign * error))
    }
}

/// The smallest k with which N samples of a context reach A (A.5.1).
fn golomb_parameter(n: i32, a: i32) -> Option<u32> {
    (0..24).find(|k| i64::from(n) << k >= i64::from(a))
}

impl Context {
    /// Takes in an error (A.6).
    fn saw(&mut self, error: i32, near: i32, reset: i32) {
        self.b += error * (2 * near + 1);
        self.a = self.a.saturating_add(error.abs());
        if self.n == reset {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

/// The samples that have been decoded around one: to its left, above, above left, above right (A.1).
#[derive(Clone, Copy)]
struct Around {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
}

impl Around {
    fn of(above: &Line, line: &Line, at: usize) -> Self {
        Self { a: line[at - 1], b: above[at], c: above[at - 1], d: above[at + 1] }
    }

    /// The context of the gradients, negative where its mirror image is meant; 0 where all is flat (A.3).
    fn context(self, parameters: &Parameters) -> i32 {
        let q1 = parameters.quantize(self.d - self.b);
        let q2 = parameters.quantize(self.b - self.c);
        let q3 = parameters.quantize(self.c - self.a);
        (q1 * 9 + q2) * 9 + q3
    }

    /// The median edge detector (A.4.1).
    fn predicted(self) -> i32 {
        let (low, high) = (self.a.min(self.b), self.a.max(self.b));
        if self.c >= high {
            low
        } else if self.c <= low {
            high
        } else {
            self.a + self.b - self.c
        }
    }
}
