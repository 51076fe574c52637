//! The page around the sections, and the HTML pieces that they share.

use std::fmt;

/// Text with the characters that HTML and SVG give a meaning replaced; control characters, which neither may hold, become
/// U+FFFD.
pub(super) struct Escaped<'t>(pub(super) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        use fmt::Write;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A complete page; `body` is HTML, `title` is text.
pub(super) fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        Escaped(title),
        include_str!("page.css"),
    )
}

/// A section with its heading; `body` is HTML.
pub(super) fn section(id: &str, heading: &str, body: &str) -> String {
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-heading\">\n<h2 id=\"{id}-heading\">{heading}</h2>\n{body}</section>\n"
    )
}

/// Something that the reader should know.
pub(super) fn caution(text: &str) -> String {
    format!("<p class=\"warning\" role=\"note\"><strong>Caution.</strong> {}</p>\n", Escaped(text))
}

/// A paragraph of text.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", Escaped(text))
}

/// A picture with its caption; `svg` is markup, `caption` is text.
pub(super) fn figure(svg: &str, caption: &str) -> String {
    format!("<figure>\n{svg}<figcaption>{}</figcaption>\n</figure>\n", Escaped(caption))
}

/// A table of names and values, all text.
pub(super) fn pairs<N: AsRef<str>, V: AsRef<str>>(caption: &str, rows: &[(N, V)]) -> String {
    let mut out = format!("<table class=\"pairs\">\n<caption>{}</caption>\n<tbody>\n", Escaped(caption));
    for (name, value) in rows {
        out += &format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
            Escaped(name.as_ref()),
            Escaped(value.as_ref())
        );
    }
    out + "</tbody>\n</table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_do_not_pass() {
        assert_eq!(Escaped("a<b>&\"c'\u{0}\u{1b}é").to_string(), "a&lt;b&gt;&amp;&quot;c&#39;\u{fffd}\u{fffd}é");
    }
}
