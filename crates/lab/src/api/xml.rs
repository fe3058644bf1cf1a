//! XML out: a small tree, written by the XML library.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    name: &'static str,
    namespace: Option<&'static str>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    Children(Vec<Element>),
}

/// An element with text in it.
#[allow(clippy::needless_pass_by_value, reason = "callers hand over numbers, flags and text alike")]
pub(super) fn text(name: &'static str, value: impl ToString) -> Element {
    Element { name, namespace: None, content: Content::Text(value.to_string()) }
}

/// An element with elements in it.
pub(super) fn node(name: &'static str, children: Vec<Element>) -> Element {
    Element { name, namespace: None, content: Content::Children(children) }
}

/// An element with a list of equally named elements in it.
pub(super) fn list(name: &'static str, item: &'static str, items: impl IntoIterator<Item = Vec<Element>>) -> Element {
    node(name, items.into_iter().map(|children| node(item, children)).collect())
}

impl Element {
    /// The same, in a namespace.
    pub(super) fn in_namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// As a document.
    pub(super) fn document(&self) -> String {
        let mut writer = Writer::new(Vec::new());
        // Writing to memory cannot fail; an empty body would be the sign of it.
        if writer
            .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
            .and_then(|()| self.write(&mut writer))
            .is_err()
        {
            return String::new();
        }
        String::from_utf8(writer.into_inner()).unwrap_or_default()
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let mut start = BytesStart::new(self.name);
        if let Some(namespace) = self.namespace {
            start.push_attribute(("xmlns", namespace));
        }
        writer.write_event(Event::Start(start))?;
        match &self.content {
            Content::Text(value) => writer.write_event(Event::Text(BytesText::new(value)))?,
            Content::Children(children) => children.iter().try_for_each(|child| child.write(writer))?,
        }
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_children_nest() {
        let document = node("a", vec![text("b", "<&>"), list("s", "item", [vec![text("c", 1)], vec![]])])
            .in_namespace("urn:x")
            .document();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?><a xmlns="urn:x"><b>&lt;&amp;&gt;</b><s><item><c>1</c></item><item></item></s></a>"#;
        assert_eq!(document, expected);
    }
}
