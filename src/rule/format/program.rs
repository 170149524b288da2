//! Patterns as programs: what a pattern asks for, step by step, in a form that needs no preparation to be followed. Most rules meet
//! a few windows in a run, fewer than an automaton would have to be made for.
//!
//! A program is a string of bytes: how many classes there are, the class of bytes that a match can begin with, the other classes,
//! then the steps. What a step is told with stands behind it, numbers of two bytes with the
//! lower one first.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// The match is complete.
pub const MATCH: u8 = 0;
/// So many bytes, and these.
pub const TEXT: u8 = 1;
/// The same in small letters, of which each may be a capital.
pub const FOLDED: u8 = 2;
/// One byte of a class.
pub const ONE: u8 = 3;
/// As many bytes of a class as there are: the class, how many at least and at most, and the class of the byte behind them, or
/// [`ANY`]. Then fewer.
pub const MOST: u8 = 4;
/// As few bytes of a class as will do: the same. Then more.
pub const LEAST: u8 = 5;
/// What follows; if that comes to nothing, what stands so many bytes behind the number.
pub const EITHER: u8 = 6;
/// The other way round.
pub const OR_ELSE: u8 = 7;
/// On with what stands so many bytes behind the number.
pub const ON: u8 = 8;
/// Back to what stands so many bytes before the end of this step.
pub const BACK: u8 = 9;
/// One of several texts, the first that leads to a match: how many bytes they take here, and each with its length.
pub const TEXTS: u8 = 10;
/// The same, folded.
pub const FOLDED_TEXTS: u8 = 11;
/// A place of a kind: one of the next six.
pub const PLACE: u8 = 12;
/// The secret begins, or ends.
pub const BEGIN: u8 = 13;
pub const END: u8 = 14;
/// A place of a kind; if that comes to nothing, the [`ONE`] behind this step. What follows stands behind both.
pub const PLACE_OR: u8 = 15;
/// One byte of a class; if that comes to nothing, the [`PLACE`] behind this step. What follows stands behind both.
pub const ONE_OR: u8 = 16;
/// The same as [`EITHER`], for what begins with a byte of the class that stands behind the number.
pub const IF: u8 = 17;
/// How many bytes a [`ONE`] or a [`PLACE`] takes.
pub const SHORT: usize = 2;

/// Kinds of places: the ends of the text, of a line, the edge of a word and any other place.
pub const TEXT_BEGIN: u8 = 0;
pub const TEXT_END: u8 = 1;
pub const LINE_BEGIN: u8 = 2;
pub const LINE_END: u8 = 3;
pub const EDGE: u8 = 4;
pub const NO_EDGE: u8 = 5;

/// The bytes of a class.
pub const CLASS: usize = 32;
/// Stands for a class: any byte may stand there, or none.
pub const ANY: u8 = u8::MAX;
/// Stands for any number of repetitions.
pub const ANY_NUMBER: u16 = u16::MAX;

/// The largest program in bytes.
const LARGEST: usize = 12 << 10;

/// The program for a pattern; nothing where it has a form that programs cannot tell, or would be too large.
#[must_use]
pub fn of(hir: &Hir) -> Vec<u8> {
    let mut names = Vec::new();
    groups(hir, &mut names);
    // The group `secret`, else the first one.
    let group = names.iter().find(|(_, is_secret)| *is_secret).or_else(|| names.iter().find(|(index, _)| *index == 1));
    let mut maker = Maker { group: group.map(|(index, _)| *index), classes: Vec::new(), steps: Vec::new() };
    let mut first = [0; CLASS];
    if hir.properties().minimum_len().is_none_or(|least| least == 0)
        || begins(hir, &mut first) != Some(false)
        || maker.add(hir, None).is_none()
    {
        return Vec::new();
    }
    maker.steps.push(MATCH);
    let Some(count) = u8::try_from(maker.classes.len()).ok().filter(|count| *count < ANY) else { return Vec::new() };
    let mut program = vec![count];
    program.extend(first);
    maker.classes.iter().for_each(|class| program.extend(class));
    program.extend(maker.steps);
    if program.len() > LARGEST { Vec::new() } else { program }
}

/// All groups: their numbers, and whether they are named as that of the secret.
fn groups(hir: &Hir, out: &mut Vec<(u32, bool)>) {
    match hir.kind() {
        HirKind::Capture(group) => {
            out.push((group.index, group.name.as_deref() == Some("secret")));
            groups(&group.sub, out);
        }
        HirKind::Repetition(repetition) => groups(&repetition.sub, out),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().for_each(|part| groups(part, out)),
        _ => {}
    }
}

fn insert(class: &mut [u8; CLASS], byte: u8) {
    class[usize::from(byte >> 3)] |= 1 << (byte & 7);
}

/// The class of one byte that a pattern is, if it is one.
fn class_of(hir: &Hir) -> Option<[u8; CLASS]> {
    let mut class = [0; CLASS];
    match hir.kind() {
        HirKind::Literal(literal) if literal.0.len() == 1 => insert(&mut class, literal.0[0]),
        HirKind::Class(Class::Bytes(bytes)) => {
            bytes.ranges().iter().for_each(|range| (range.start()..=range.end()).for_each(|b| insert(&mut class, b)));
        }
        _ => return None,
    }
    Some(class)
}

/// Adds the bytes that a match can begin with; tells whether it can also have none. `None` where that is not known.
fn begins(hir: &Hir, class: &mut [u8; CLASS]) -> Option<bool> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(true),
        HirKind::Literal(literal) => {
            insert(class, *literal.0.first()?);
            Some(false)
        }
        HirKind::Class(_) => {
            let bytes = class_of(hir)?;
            class.iter_mut().zip(bytes).for_each(|(to, from)| *to |= from);
            Some(false)
        }
        HirKind::Repetition(repetition) => Some(begins(&repetition.sub, class)? || repetition.min == 0),
        HirKind::Capture(group) => begins(&group.sub, class),
        HirKind::Concat(parts) => {
            for part in parts {
                if !begins(part, class)? {
                    return Some(false);
                }
            }
            Some(true)
        }
        HirKind::Alternation(parts) => {
            let mut can_be_empty = false;
            for part in parts {
                can_be_empty |= begins(part, class)?;
            }
            Some(can_be_empty)
        }
    }
}

/// The bytes one of which stands behind a part; `None` where that is not known, or nothing need stand there.
type Next = Option<[u8; CLASS]>;

/// What stands before `parts` is followed by, where `next` is behind them.
fn behind(parts: &[Hir], next: Next) -> Next {
    let mut class = [0; CLASS];
    for part in parts {
        if !begins(part, &mut class)? {
            return Some(class);
        }
    }
    next.map(|next| std::array::from_fn(|n| class[n] | next[n]))
}

/// A text, and whether its letters are written in any case. A text without letters is both.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    /// `None` as long as there is no letter.
    is_folded: Option<bool>,
}

impl Text {
    /// Adds a byte, folded or not; `false` where that does not go with the letters before it.
    fn add(&mut self, byte: u8, is_folded: bool) -> bool {
        if byte.is_ascii_alphabetic() {
            if self.is_folded.is_some_and(|before| before != is_folded) {
                return false;
            }
            self.is_folded = Some(is_folded);
        }
        self.bytes.push(byte);
        true
    }

    /// The one text that a pattern is, if it is one.
    fn of(hir: &Hir) -> Option<Self> {
        let mut text = Self::default();
        let parts = match hir.kind() {
            HirKind::Concat(parts) => &parts[..],
            _ => std::slice::from_ref(hir),
        };
        for part in parts {
            for (byte, is_folded) in bytes_of(part)? {
                text.add(byte, is_folded).then_some(())?;
            }
        }
        (!text.bytes.is_empty() && text.bytes.len() <= 255).then_some(text)
    }
}

/// The bytes of a part that is a text, each with whether it is a letter in any case, then the small one.
fn bytes_of(hir: &Hir) -> Option<Vec<(u8, bool)>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(literal.0.iter().map(|b| (*b, false)).collect()),
        HirKind::Class(Class::Bytes(class)) => {
            let [upper, lower] = class.ranges() else { return None };
            let one = upper.start() == upper.end() && lower.start() == lower.end();
            let letter = lower.start();
            let folds = one && letter.is_ascii_lowercase() && upper.start() == letter.to_ascii_uppercase();
            folds.then(|| vec![(letter, true)])
        }
        _ => None,
    }
}

/// The kind of a place.
const fn place_of(look: Look) -> Option<u8> {
    Some(match look {
        Look::Start => TEXT_BEGIN,
        Look::End => TEXT_END,
        Look::StartLF => LINE_BEGIN,
        Look::EndLF => LINE_END,
        Look::WordAscii => EDGE,
        Look::WordAsciiNegate => NO_EDGE,
        _ => return None,
    })
}

struct Maker {
    group: Option<u32>,
    classes: Vec<[u8; CLASS]>,
    steps: Vec<u8>,
}

impl Maker {
    /// Adds the steps for a part, behind which a byte of `next` stands, if that is known; `None` where there are none for it.
    fn add(&mut self, hir: &Hir, next: Next) -> Option<()> {
        if self.steps.len() > LARGEST {
            return None;
        }
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(_) | HirKind::Concat(_) => self.sequence(hir, next)?,
            HirKind::Class(_) => {
                let class = self.class(class_of(hir)?)?;
                self.steps.extend([ONE, class]);
            }
            HirKind::Look(look) => self.steps.extend([PLACE, place_of(*look)?]),
            HirKind::Repetition(repetition) => self.repetition(repetition, next)?,
            HirKind::Capture(group) if self.group == Some(group.index) => {
                self.steps.push(BEGIN);
                self.add(&group.sub, next)?;
                self.steps.push(END);
            }
            HirKind::Capture(group) => self.add(&group.sub, next)?,
            HirKind::Alternation(parts) => self.alternation(parts, next)?,
        }
        Some(())
    }

    /// The number of a class.
    fn class(&mut self, class: [u8; CLASS]) -> Option<u8> {
        let known = self.classes.iter().position(|c| *c == class);
        let at = known.unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        });
        u8::try_from(at).ok()
    }

    /// Parts one behind the other, those that are texts joined.
    fn sequence(&mut self, hir: &Hir, next: Next) -> Option<()> {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => &parts[..],
            _ => std::slice::from_ref(hir),
        };
        let mut text = Text::default();
        for (n, part) in parts.iter().enumerate() {
            let Some(bytes) = bytes_of(part) else {
                self.text(std::mem::take(&mut text));
                self.add(part, behind(&parts[n + 1..], next))?;
                continue;
            };
            for (byte, is_folded) in bytes {
                if text.bytes.len() == 255 || !text.add(byte, is_folded) {
                    self.text(std::mem::take(&mut text));
                    text.add(byte, is_folded);
                }
            }
        }
        self.text(text);
        Some(())
    }

    #[allow(clippy::cast_possible_truncation, reason = "texts have at most 255 bytes")]
    fn text(&mut self, text: Text) {
        if !text.bytes.is_empty() {
            let step = if text.is_folded == Some(true) { FOLDED } else { TEXT };
            self.steps.extend([step, text.bytes.len() as u8]);
            self.steps.extend(text.bytes);
        }
    }

    fn repetition(&mut self, repetition: &Repetition, next: Next) -> Option<()> {
        let (least, greedy) = (u16::try_from(repetition.min).ok()?, repetition.greedy);
        let most = match repetition.max {
            Some(most) => u16::try_from(most).ok().filter(|most| *most < ANY_NUMBER)?,
            None => ANY_NUMBER,
        };
        if let Some(class) = class_of(&repetition.sub) {
            let class = self.class(class)?;
            self.steps.extend([if greedy { MOST } else { LEAST }, class]);
            self.steps.extend(least.to_le_bytes());
            self.steps.extend(most.to_le_bytes());
            let next = next.map_or(Some(ANY), |next| self.class(next))?;
            self.steps.push(next);
            return Some(());
        }
        // Once more, or what stands behind all of them.
        let mut again = next;
        if let Some(class) = &mut again
            && begins(&repetition.sub, class) != Some(false)
        {
            again = None;
        }
        for _ in 0..least {
            self.add(&repetition.sub, again)?;
        }
        let either = if greedy { EITHER } else { OR_ELSE };
        if most == ANY_NUMBER {
            // What can be empty could go on for ever.
            repetition.sub.properties().minimum_len().filter(|len| *len > 0)?;
            let begin = self.steps.len();
            let end = self.jump(either, Some(&repetition.sub))?;
            self.add(&repetition.sub, again)?;
            let back = u16::try_from(self.steps.len() + 3 - begin).ok()?;
            self.steps.push(BACK);
            self.steps.extend(back.to_le_bytes());
            return self.land(end);
        }
        let mut ends = Vec::new();
        for _ in least..most {
            ends.push(self.jump(either, Some(&repetition.sub))?);
            self.add(&repetition.sub, again)?;
        }
        ends.into_iter().try_for_each(|end| self.land(end))
    }

    fn alternation(&mut self, parts: &[Hir], next: Next) -> Option<()> {
        if let [one, other] = parts
            && self.place_or_one(one, other)?
        {
            return Some(());
        }
        // Texts side by side are one step.
        let mut groups: Vec<(Option<bool>, &[Hir])> = Vec::new();
        let mut at = 0;
        while at < parts.len() {
            let (count, is_folded) = texts(&parts[at..]);
            groups.push((is_folded, &parts[at..at + count.max(1)]));
            at += count.max(1);
        }
        let mut ends = Vec::new();
        let last = groups.len() - 1;
        for (n, (is_folded, group)) in groups.into_iter().enumerate() {
            let other = if n < last { Some(self.jump(EITHER, Some(group.first()?).filter(|_| group.len() == 1))?) } else { None };
            match is_folded {
                Some(is_folded) if group.len() > 1 => self.texts(group, is_folded)?,
                _ => self.add(&group[0], next)?,
            }
            if let Some(other) = other {
                ends.push(self.jump(ON, None)?);
                self.land(other)?;
            }
        }
        ends.into_iter().try_for_each(|end| self.land(end))
    }

    /// Adds a place or one byte, in either order, if that is what the two are.
    fn place_or_one(&mut self, first: &Hir, second: &Hir) -> Option<bool> {
        match (first.kind(), second.kind()) {
            (HirKind::Look(look), _) => {
                let Some(class) = class_of(second) else { return Some(false) };
                let class = self.class(class)?;
                self.steps.extend([PLACE_OR, place_of(*look)?, ONE, class]);
            }
            (_, HirKind::Look(look)) => {
                let Some(class) = class_of(first) else { return Some(false) };
                let class = self.class(class)?;
                self.steps.extend([ONE_OR, class, PLACE, place_of(*look)?]);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Adds several texts.
    fn texts(&mut self, parts: &[Hir], is_folded: bool) -> Option<()> {
        let texts: Vec<Text> = parts.iter().filter_map(Text::of).collect();
        let total: usize = texts.iter().map(|text| 1 + text.bytes.len()).sum();
        self.steps.push(if is_folded { FOLDED_TEXTS } else { TEXTS });
        self.steps.extend(u16::try_from(total).ok()?.to_le_bytes());
        for text in texts {
            self.steps.push(u8::try_from(text.bytes.len()).ok()?);
            self.steps.extend(text.bytes);
        }
        Some(())
    }

    /// Adds a jump that lands later, for what begins like `to`, if that is told; gives where it is told how far.
    fn jump(&mut self, step: u8, to: Option<&Hir>) -> Option<usize> {
        let mut class = [0; CLASS];
        let first = to.filter(|to| step == EITHER && begins(to, &mut class) == Some(false));
        let class = first.map(|_| self.class(class));
        self.steps.extend([if class.is_some() { IF } else { step }, 0, 0]);
        let at = self.steps.len() - 2;
        if let Some(class) = class {
            self.steps.push(class?);
        }
        Some(at)
    }

    /// Has a jump land here.
    fn land(&mut self, at: usize) -> Option<()> {
        let distance = u16::try_from(self.steps.len() - (at + 2)).ok()?;
        self.steps[at..at + 2].copy_from_slice(&distance.to_le_bytes());
        Some(())
    }
}

/// How many of the first parts are texts of one case, and whether that is any.
fn texts(parts: &[Hir]) -> (usize, Option<bool>) {
    let mut is_folded = None;
    let same = parts.iter().map(Text::of).take_while(|text| {
        text.as_ref().is_some_and(|text| {
            let fits = text.is_folded.is_none() || is_folded.is_none() || text.is_folded == is_folded;
            is_folded = is_folded.or(text.is_folded);
            fits
        })
    });
    let count = same.count();
    (count, (count > 0).then_some(is_folded.unwrap_or(false)))
}
