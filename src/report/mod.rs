//! From an outcome to documents: Markdown, HTML, JSON, JUnit, HdrHistogram log. Pure: the same outcome gives the same bytes.
