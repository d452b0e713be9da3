//! The register map: a table, made when the node is compiled, of what the node holds and where.
//!
//! Every block can be read with functions 3 and 4 alike; only settings can be
//! written.
//!
//! | from | what | words |
//! |---|---|---|
//! | 0 | channels | 8 each: REAL value, UINT quality, UINT readings taken, UDINT age in ms, DINT raw count |
//! | 4096 | counters | 2 each: UDINT |
//! | 8192 | settings | 1 each: UINT, writable within its limits |
//! | 12288 | description | `FH`, layout, bytes, CRC-16, then the [`Description`](crate::Description) |
//!
//! The eight words of a channel stand together, so that one read brings a
//! value with the quality and the age that belong to it. A value whose
//! quality is bad is no number (NaN): who reads only the value can't take a
//! broken sensor for a measurement.

use crate::Counter;

/// First register of the channels.
pub const CHANNELS: u16 = 0;
/// Registers of one channel.
pub const CHANNEL_WORDS: u16 = 8;
/// First register of the counters.
pub const COUNTERS: u16 = 0x1000;
/// First register of the settings.
pub const SETTINGS: u16 = 0x2000;
/// First register of the self-description.
pub const DESCRIPTION: u16 = 0x3000;

/// "FH": a node that describes itself.
pub(crate) const MAGIC: u16 = 0x4648;
/// The layout above. Another number, and a reader must not guess.
pub(crate) const LAYOUT: u16 = 1;
/// Words before the body of the description.
pub(crate) const HEAD_WORDS: u16 = 4;

/// Longest text of a map. Chosen: three of them fit one identification
/// (function 43), with room.
const LONGEST: usize = 64;
/// Most bytes of a description: what is left of the addresses, rounded down.
pub(crate) const MOST_BYTES: usize = 0x8000;

/// A channel as the map names it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ChannelSpec {
    /// Name of the tag: small letters, digits, `_`.
    pub name: &'static str,
    /// Unit as the gateway writes it; empty where there is none.
    pub unit: &'static str,
    /// Lowest value of its span.
    pub low: f32,
    /// Highest value of its span.
    pub high: f32,
}

/// A number that a master may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Name: small letters, digits, `_`.
    pub name: &'static str,
    /// Lowest value that is taken.
    pub low: u16,
    /// Highest value that is taken.
    pub high: u16,
    /// Before anybody changed it.
    pub default: u16,
}

/// The map of a node with `N` channels, `S` settings and room for `D` bytes of
/// description. What does not fit or can't be named does not compile.
#[derive(Clone, Debug)]
pub struct RegisterMap<const N: usize, const S: usize, const D: usize> {
    pub(crate) identity: [&'static str; 3],
    pub(crate) settings: [Setting; S],
    pub(crate) body: [u8; D],
    pub(crate) length: usize,
}

impl<const N: usize, const S: usize, const D: usize> RegisterMap<N, S, D> {
    /// The map of this product.
    ///
    /// # Panics
    /// While compiling, in a `const`: when a name is illegal or given twice, limits
    /// are the wrong way round, or `D` is too small.
    #[must_use]
    pub const fn new(
        vendor: &'static str,
        product: &'static str,
        revision: &'static str,
        channels: [ChannelSpec; N],
        settings: [Setting; S],
    ) -> Self {
        assert!(N >= 1 && N <= 255, "a node has 1 to 255 channels");
        assert!(S <= 255, "a node has at most 255 settings");
        assert!(D <= MOST_BYTES, "the description is too long");
        let mut ink = Ink { bytes: [0; D], length: 0 };
        ink.text(vendor);
        ink.text(product);
        ink.text(revision);
        ink.byte(N as u8);
        let mut at = 0;
        while at < N {
            let channel = &channels[at];
            assert_name(channel.name);
            assert!(channel.low < channel.high, "the span of a channel goes from low to high");
            let mut other = 0;
            while other < at {
                assert!(!same(channels[other].name, channel.name), "two channels of one name");
                other += 1;
            }
            ink.text(channel.name);
            ink.text(channel.unit);
            ink.word(CHANNELS + at as u16 * CHANNEL_WORDS);
            ink.float(channel.low);
            ink.float(channel.high);
            at += 1;
        }
        ink.byte(Counter::ALL.len() as u8);
        let mut at = 0;
        while at < Counter::ALL.len() {
            ink.text(Counter::ALL[at].name());
            ink.word(COUNTERS + at as u16 * 2);
            at += 1;
        }
        ink.byte(S as u8);
        let mut at = 0;
        while at < S {
            let setting = &settings[at];
            assert_name(setting.name);
            let is_ordered = setting.low <= setting.default && setting.default <= setting.high;
            assert!(is_ordered, "a setting's default lies between its limits");
            ink.text(setting.name);
            ink.word(SETTINGS + at as u16);
            ink.word(setting.low);
            ink.word(setting.high);
            at += 1;
        }
        let identity = [vendor, product, revision];
        Self { identity, settings, body: ink.bytes, length: ink.length }
    }
}

/// Writes bytes while compiling.
struct Ink<const D: usize> {
    bytes: [u8; D],
    length: usize,
}

impl<const D: usize> Ink<D> {
    const fn byte(&mut self, byte: u8) {
        assert!(self.length < D, "D is too small for the description of this map");
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    const fn word(&mut self, word: u16) {
        let [high, low] = word.to_be_bytes();
        self.byte(high);
        self.byte(low);
    }

    const fn float(&mut self, float: f32) {
        let [a, b, c, d] = float.to_be_bytes();
        self.byte(a);
        self.byte(b);
        self.byte(c);
        self.byte(d);
    }

    const fn text(&mut self, text: &str) {
        assert!(text.len() <= LONGEST, "a text of the map is at most 64 bytes long");
        self.byte(text.len() as u8);
        let mut at = 0;
        while at < text.len() {
            self.byte(text.as_bytes()[at]);
            at += 1;
        }
    }
}

const fn assert_name(name: &str) {
    assert!(is_name(name.as_bytes()), "a name is 1 to 64 small letters, digits and _");
}

/// Whether a name is legal in a map of the gateway whatever else is there.
pub(crate) const fn is_name(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        if !matches!(name[at], b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        at += 1;
    }
    !name.is_empty() && name.len() <= LONGEST
}

const fn same(a: &str, b: &str) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a.as_bytes()[at] != b.as_bytes()[at] {
            return false;
        }
        at += 1;
    }
    true
}
