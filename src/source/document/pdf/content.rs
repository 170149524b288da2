//! The text that a content stream shows (ISO 32000-1, 9.4), in the order in which it is drawn.
//!
//! Generators draw a word in pieces, each at a place of its own, to kern it. Whether two pieces belong together is told by
//! the gap between them: what is near is joined, a gap is a space, and what is above or below is another line.

use super::font::Font;
use super::object::{Lexer, Obj};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

/// How many operands an operator may have, and how deep states may be saved.
const OPERANDS: usize = 64;

/// A gap of so much of the font's size is a space. Kerning is less, the narrowest space between words is more.
const SPACE: f64 = 0.17;

/// So much up or down is another line. Indices are less.
const LINE: f64 = 0.6;

/// Fonts by the names that a content stream uses.
pub(super) type Fonts = HashMap<Vec<u8>, Rc<Font>>;

/// A transformation: a, b, c, d, e, f.
type Matrix = [f64; 6];

const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// What a content stream shows.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) text: String,
    /// Texts that are not drawn: what marks replace or explain.
    pub(super) marks: String,
    /// Some of it is in a font that does not say which characters it has.
    pub(super) unreadable: bool,
}

/// What `q` saves.
#[derive(Clone)]
struct State {
    page: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    character_space: f64,
    word_space: f64,
    scale: f64,
    leading: f64,
}

struct Interpreter<'a> {
    fonts: &'a Fonts,
    state: State,
    saved: Vec<State>,
    text: Matrix,
    line: Matrix,
    /// Where the last piece ended, on the page.
    end: Option<(f64, f64)>,
    shown: Shown,
}

/// Reads the text of content streams.
pub(super) fn text(content: &[u8], fonts: &Fonts) -> Shown {
    let state = State { page: IDENTITY, font: None, size: 1.0, character_space: 0.0, word_space: 0.0, scale: 1.0, leading: 0.0 };
    let mut run =
        Interpreter { fonts, state, saved: Vec::new(), text: IDENTITY, line: IDENTITY, end: None, shown: Shown::default() };
    let mut lexer = Lexer::new(content, 0);
    let mut operands = Vec::new();
    let mut images = true;
    while let Some(token) = lexer.token() {
        match token {
            Obj::Word(word) if word == b"ID" => {
                // The data of an image in the stream: up to an `EI` of its own. Where none follows, none follows later.
                let rest = &content[lexer.at..];
                let space = |at: usize| rest.get(at).is_none_or(u8::is_ascii_whitespace);
                let own = |at: &usize| *at > 0 && space(at - 1) && space(at + 2);
                let end = if images { memchr::memmem::find_iter(rest, b"EI").find(own) } else { None };
                images = end.is_some();
                lexer.at += end.map_or(0, |at| at + 2);
                operands.clear();
            }
            Obj::Word(word) => {
                run.operator(&word, &operands);
                operands.clear();
            }
            operand if operands.len() < OPERANDS => operands.push(operand),
            _ => {}
        }
    }
    run.shown
}

impl Interpreter<'_> {
    fn operator(&mut self, operator: &[u8], operands: &[Obj]) {
        let number = |n: usize| operands.get(n).and_then(Obj::number).unwrap_or_default();
        let matrix = || [number(0), number(1), number(2), number(3), number(4), number(5)];
        match operator {
            b"q" if self.saved.len() < OPERANDS => self.saved.push(self.state.clone()),
            b"Q" => {
                if let Some(state) = self.saved.pop() {
                    self.state = state;
                }
            }
            b"cm" => self.state.page = multiply(&matrix(), &self.state.page),
            b"BT" => (self.text, self.line) = (IDENTITY, IDENTITY),
            b"Tf" => {
                self.state.font = operands.first().and_then(Obj::name).and_then(|name| self.fonts.get(name)).cloned();
                self.state.size = number(1);
            }
            b"Tc" => self.state.character_space = number(0),
            b"Tw" => self.state.word_space = number(0),
            b"Tz" => self.state.scale = number(0) / 100.0,
            b"TL" => self.state.leading = number(0),
            b"Td" => self.next_line(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.next_line(number(0), number(1));
            }
            b"Tm" => (self.text, self.line) = (matrix(), matrix()),
            b"T*" => self.next_line(0.0, -self.state.leading),
            b"Tj" | b"TJ" => self.show_all(operands),
            b"'" | b"\"" => {
                self.next_line(0.0, -self.state.leading);
                self.show_all(operands);
            }
            b"BDC" | b"DP" => operands.iter().for_each(|o| self.mark(o)),
            _ => {}
        }
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line = multiply(&[1.0, 0.0, 0.0, 1.0, x, y], &self.line);
        self.text = self.line;
    }

    /// Texts in what marks a piece of content.
    fn mark(&mut self, operand: &Obj) {
        if let Obj::Dict(dict) = operand {
            for (key, value) in &dict.0 {
                if let Obj::Text(text) = value {
                    let text = super::text_string(text);
                    let _ = writeln!(self.shown.marks, "{} = \"{text}\"", String::from_utf8_lossy(key));
                }
            }
        }
    }

    /// Shows texts, moved by the numbers between them.
    fn show_all(&mut self, operands: &[Obj]) {
        for operand in operands {
            match operand {
                Obj::Text(text) => self.show(text),
                Obj::Array(array) => {
                    for item in array {
                        match item {
                            Obj::Text(text) => self.show(text),
                            Obj::Number(number) => self.advance(-number / 1000.0 * self.state.size * self.state.scale),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn advance(&mut self, x: f64) {
        self.text = multiply(&[1.0, 0.0, 0.0, 1.0, x, 0.0], &self.text);
    }

    fn show(&mut self, text: &[u8]) {
        let font = self.state.font.clone().unwrap_or_default();
        self.shown.unreadable |= font.unreadable && !text.is_empty();
        let mut rest = text;
        while let Some((code, len)) = font.next_code(rest) {
            rest = &rest[len..];
            self.separate();
            font.write(code, &mut self.shown.text);
            let word = if code == 32 && len == 1 { self.state.word_space } else { 0.0 };
            let width = font.width(code) / 1000.0 * self.state.size + self.state.character_space + word;
            self.advance(width * self.state.scale);
            let to = multiply(&self.text, &self.state.page);
            self.end = Some((to[4], to[5]));
        }
    }

    /// Puts between what was shown and what comes now what is between them on the page.
    fn separate(&mut self) {
        let at = multiply(&self.text, &self.state.page);
        let Some((x, y)) = self.end.map(|(x, y)| (at[4] - x, at[5] - y)) else { return };
        let length = at[0].hypot(at[1]);
        // In ems, along the line and across.
        let em = length * self.state.size.abs();
        if !(em > 0.0 && em.is_finite()) {
            return;
        }
        let along = (x * at[0] + y * at[1]) / length / em * self.state.size.signum();
        let across = (y * at[0] - x * at[1]) / length / em;
        let text = &mut self.shown.text;
        if across.abs() > LINE || along < -1.5 {
            if !text.ends_with('\n') && !text.is_empty() {
                text.push('\n');
            }
        } else if along > SPACE && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    }
}

/// One transformation after the other.
fn multiply(m: &Matrix, n: &Matrix) -> Matrix {
    [
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    ]
}
