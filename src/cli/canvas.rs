//! SVG, as far as it is needed: [`Canvas`].

use std::fmt::{self, Write};

/// A picture that is being drawn. Lengths are in pixels.
pub(crate) struct Canvas(String);

/// How a text stands to its point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text's look.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: f64,
    pub(crate) colour: &'static str,
    pub(crate) bold: bool,
}

impl Style {
    pub(crate) const PLAIN: Self = Self {
        size: 12.0,
        colour: INK,
        bold: false,
    };
    pub(crate) const FAINT: Self = Self {
        size: 11.0,
        colour: "#595959",
        bold: false,
    };
    pub(crate) const HEADING: Self = Self {
        size: 13.0,
        colour: INK,
        bold: true,
    };
    pub(crate) const TITLE: Self = Self {
        size: 20.0,
        colour: INK,
        bold: true,
    };
}

/// What is written and framed in.
pub(crate) const INK: &str = "#1a1a1a";

/// About how wide a letter is, beside its height: what the usual fonts without serifs have on
/// average, and a little more.
const LETTER: f64 = 0.6;

/// About how wide a text is.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * LETTER
}

impl Canvas {
    /// An empty one, with these definitions of patterns.
    pub(crate) fn new(width: f64, height: f64, definitions: &str) -> Self {
        let mut canvas = Self(String::new());
        canvas.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\">\n\
             <defs>{definitions}</defs>\n"
        ));
        canvas.rectangle(0.0, 0.0, width, height, "#ffffff");
        canvas
    }

    /// The whole picture.
    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    /// What is drawn until this is closed tells this when a pointer rests on it.
    pub(crate) fn open_group(&mut self, tooltip: &str) {
        let tooltip = Escaped(tooltip);
        self.put(format_args!("<g><title>{tooltip}</title>\n"));
    }

    pub(crate) fn close_group(&mut self) {
        self.0.push_str("</g>\n");
    }

    pub(crate) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{fill}\"/>\n"
        ));
    }

    pub(crate) fn frame(&mut self, x: f64, y: f64, width: f64, height: f64, stroke: &str) {
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"none\" stroke=\"{stroke}\"/>\n"
        ));
    }

    pub(crate) fn line(&mut self, (x, y): (f64, f64), (to_x, to_y): (f64, f64), stroke: &str) {
        self.put(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\" \
             stroke=\"{stroke}\"/>\n"
        ));
    }

    /// A line through points.
    pub(crate) fn path(&mut self, points: &[(f64, f64)], stroke: &str, stroke_width: f64) {
        if points.is_empty() {
            return;
        }
        self.0.push_str("<polyline points=\"");
        for (x, y) in points {
            self.put(format_args!("{x:.1},{y:.1} "));
        }
        self.put(format_args!(
            "\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{stroke_width}\"/>\n"
        ));
    }

    pub(crate) fn dot(&mut self, x: f64, y: f64, radius: f64, fill: &str) {
        self.put(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\"/>\n"
        ));
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, anchor: Anchor, style: Style, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let Style { size, colour, bold } = style;
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let text = Escaped(text);
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{colour}\" \
             text-anchor=\"{anchor}\"{weight}>{text}</text>\n"
        ));
    }

    fn put(&mut self, what: fmt::Arguments<'_>) {
        self.0
            .write_fmt(what)
            .expect("a string takes whatever is written");
    }
}

/// A text that may hold what means something in XML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML allows no other control characters at all.
                character if character.is_control() => f.write_char(' ')?,
                character => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_holds_it_stays_a_text() {
        let mut canvas = Canvas::new(10.0, 10.0, "");
        canvas.text(
            0.0,
            0.0,
            Anchor::Start,
            Style::PLAIN,
            "</text><script>\"&\u{1}",
        );
        let drawn = canvas.finish();
        assert!(
            drawn.contains(">&lt;/text&gt;&lt;script&gt;&quot;&amp; </text>"),
            "{drawn}"
        );
    }
}
