//! Huffman codes of JPEG: those that a stream brings along, and those of Annex K, in which blocks are written again
//! (ISO/IEC 10918-1 Annexes C, F and K.3).

/// Codes are no longer, in bits.
const LENGTH_MAX: usize = 16;
/// What a code begins with is looked up at once, so many bits.
const LOOK_BITS: u32 = 9;

/// How many codes there are of each length, and what they stand for, in order.
#[derive(Clone, Copy)]
pub(super) struct Spec<'a> {
    pub(super) counts: &'a [u8; LENGTH_MAX],
    pub(super) symbols: &'a [u8],
}

impl Spec<'_> {
    /// Each code with its length and symbol, in ascending order; nothing if there are more than fit.
    fn codes(&self) -> Option<Vec<(u32, u32, u8)>> {
        let mut symbols = self.symbols.iter();
        let (mut codes, mut code) = (Vec::with_capacity(self.symbols.len()), 0_u32);
        for (length, count) in (1..).zip(self.counts) {
            for _ in 0..*count {
                codes.push((code, length, *symbols.next()?));
                code += 1;
            }
            if code > 1 << length {
                return None;
            }
            code <<= 1;
        }
        Some(codes)
    }
}

/// From codes to symbols.
pub(super) struct Decoding {
    /// By the first bits of a code: its length and symbol; length 0 where it is longer.
    short: Vec<(u8, u8)>,
    /// Longer codes: the length, the code and the symbol.
    long: Vec<(u32, u32, u8)>,
}

impl Decoding {
    /// `None` where the codes are none.
    pub(super) fn new(spec: &Spec<'_>) -> Option<Self> {
        let mut short = vec![(0, 0); 1 << LOOK_BITS];
        let mut long = Vec::new();
        for (code, length, symbol) in spec.codes()? {
            if length > LOOK_BITS {
                long.push((length, code, symbol));
                continue;
            }
            let first = usize::try_from(code << (LOOK_BITS - length)).ok()?;
            let entry = (u8::try_from(length).ok()?, symbol);
            short.get_mut(first..first + (1 << (LOOK_BITS - length)))?.fill(entry);
        }
        Some(Self { short, long })
    }
}

/// From symbols to codes: the code and its length, 0 where there is none.
pub(super) struct Encoding(Vec<(u32, u32)>);

impl Encoding {
    /// Codes for these symbols.
    pub(super) fn new(spec: &Spec<'_>) -> Self {
        let mut by_symbol = vec![(0, 0); 256];
        for (code, length, symbol) in spec.codes().unwrap_or_default() {
            by_symbol[usize::from(symbol)] = (code, length);
        }
        Self(by_symbol)
    }
}

/// The bits of a scan, up to the next marker.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    /// From this byte on.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0, count: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 1;
                    0xFF
                }
                (Some(0xFF), _) | (None, _) => return,
                (Some(byte), _) => *byte,
            };
            self.at += 1;
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// The next bits without taking them; zeros behind the last one.
    fn peek(&mut self, bits: u32) -> usize {
        if self.count < bits {
            self.fill();
        }
        let value = if self.count < bits {
            self.held << (bits - self.count)
        } else {
            self.held >> (self.count - bits)
        };
        usize::try_from(value & ((1 << bits) - 1)).unwrap_or(0)
    }

    fn take(&mut self, bits: u32) -> Option<()> {
        self.count = self.count.checked_sub(bits)?;
        Some(())
    }

    /// The next symbol.
    pub(super) fn symbol(&mut self, codes: &Decoding) -> Option<u8> {
        let (length, symbol) = *codes.short.get(self.peek(LOOK_BITS))?;
        if length > 0 {
            self.take(u32::from(length))?;
            return Some(symbol);
        }
        let next = u32::try_from(self.peek(16)).ok()?;
        let found = codes.long.iter().find(|(length, code, _)| next >> (16 - length) == *code);
        let (length, _, symbol) = *found?;
        self.take(length)?;
        Some(symbol)
    }

    /// A number of so many bits: its highest bit says that it is not negative (F.2.2.1, EXTEND).
    pub(super) fn number(&mut self, bits: u32) -> Option<i32> {
        if bits == 0 {
            return Some(0);
        }
        let value = i32::try_from(self.peek(bits)).ok()?;
        self.take(bits)?;
        Some(if value >> (bits - 1) == 0 { value - (1 << bits) + 1 } else { value })
    }

    /// Where the marker stands that ends the bits; `None` if there are more than fill the last byte.
    pub(super) fn end(mut self) -> Option<usize> {
        self.fill();
        (self.count < 8).then_some(self.at)
    }

    /// Goes on behind the restart marker of this number.
    pub(super) fn restarted(self, number: u8) -> Option<Self> {
        let bytes = self.bytes;
        let at = self.end()?;
        (bytes.get(at..at + 2)? == [0xFF, 0xD0 + number]).then(|| Self::new(bytes, at + 2))
    }
}

/// A stream that is written: segments byte by byte, scans bit by bit.
pub(super) struct BitWriter {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter {
    pub(super) fn new() -> Self {
        Self { out: Vec::new(), held: 0, count: 0 }
    }

    /// What is written so far, between scans.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn put(&mut self, value: u32, bits: u32) {
        self.held = self.held << bits | u64::from(value);
        self.count += bits;
        while self.count >= 8 {
            self.count -= 8;
            let [.., byte] = (self.held >> self.count).to_be_bytes();
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// A symbol; `None` if there is no code for it.
    pub(super) fn symbol(&mut self, codes: &Encoding, symbol: u32) -> Option<()> {
        let (code, length) = *codes.0.get(usize::try_from(symbol).ok()?)?;
        self.put(code, length);
        (length > 0).then_some(())
    }

    /// A number behind so many zeros: the symbol of both, then its bits (F.1.2).
    pub(super) fn coefficient(&mut self, codes: &Encoding, run: u32, value: i32) -> Option<()> {
        let bits = size_of(value);
        self.symbol(codes, run << 4 | bits)?;
        let raised = if value < 0 { value + (1 << bits) - 1 } else { value };
        self.put(u32::try_from(raised).ok()?, bits);
        Some(())
    }

    /// Fills the last byte of a scan (F.1.2.3).
    pub(super) fn end(&mut self) {
        let rest = (8 - self.count % 8) % 8;
        self.put((1 << rest) - 1, rest);
        self.held = 0;
    }
}

/// How many bits a number takes.
fn size_of(value: i32) -> u32 {
    u32::BITS - value.unsigned_abs().leading_zeros()
}

/// Tables K.3 and K.4: differences of DC, of luminance and of chrominances.
pub(super) const DC: [Spec<'static>; 2] = [
    Spec { counts: &[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], symbols: &DC_SYMBOLS },
    Spec { counts: &[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], symbols: &DC_SYMBOLS },
];
const DC_SYMBOLS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// Tables K.5 and K.6: AC, of luminance and of chrominances.
pub(super) const AC: [Spec<'static>; 2] = [
    Spec {
        counts: &[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
        symbols: &[
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
            0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
            0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
            0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
            0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
            0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
            0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
            0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
            0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
            0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
            0xF9, 0xFA,
        ],
    },
    Spec {
        counts: &[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
        symbols: &[
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
            0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
            0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
            0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
            0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
            0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
            0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
            0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
            0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
            0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
            0xF9, 0xFA,
        ],
    },
];
