//! The forms of an HTML page, and what a browser would send of them. Read token by token: a form is what stands between its tags.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

/// A form.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Where it is sent; the page's own address where left out.
    pub action: Option<String>,
    inputs: Vec<Input>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Input {
    name: String,
    kind: String,
    value: String,
    checked: bool,
}

/// What a form asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// A password, with or without the user's name.
    Password,
    /// The user's name alone; the password comes on the next page.
    Name,
    /// The code of a software token.
    Code,
    /// Nothing: a page that hands something on to another host, which a browser sends by itself.
    Nothing,
}

/// What goes into the fields that people fill in.
#[derive(Clone, Copy)]
pub(super) struct Filling<'a> {
    pub name: &'a str,
    pub password: &'a str,
    pub code: &'a str,
}

impl Form {
    /// Every form of a page that is sent by POST, in order.
    pub(super) fn all(page: &[u8]) -> Vec<Self> {
        let mut emitter = DefaultEmitter::<()>::default();
        // What stands in scripts and styles is no tag.
        emitter.naively_switch_states(true);
        let (mut forms, mut open): (Vec<Self>, Option<Self>) = (Vec::new(), None);
        for token in Tokenizer::new_with_emitter(page, emitter).flatten() {
            match token {
                Token::StartTag(tag) if tag.name.as_slice() == b"form" => {
                    let posts = attribute(&tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                    open = posts.then(|| Self { action: attribute(&tag, "action"), inputs: Vec::new() });
                }
                Token::StartTag(tag) if matches!(tag.name.as_slice(), b"input" | b"button") => {
                    if let (Some(form), Some(input)) = (&mut open, Input::of(&tag)) {
                        form.inputs.push(input);
                    }
                }
                Token::EndTag(tag) if tag.name.as_slice() == b"form" => forms.extend(open.take()),
                _ => {}
            }
        }
        forms.extend(open);
        forms
    }

    /// What it asks; nothing where it is a form of another kind.
    pub(super) fn asks(&self) -> Option<Asks> {
        let of_kind = |kinds: &[&str]| self.inputs.iter().filter(|input| kinds.contains(&input.kind.as_str())).count();
        let code = self.inputs.iter().any(Input::takes_code);
        match (of_kind(&["password"]), of_kind(&TEXTS)) {
            (1, 0 | 1) => Some(Asks::Password),
            (0, 1) if code => Some(Asks::Code),
            (0, 1) => Some(Asks::Name),
            (0, 0) if !self.inputs.is_empty() => Some(Asks::Nothing),
            _ => None,
        }
    }

    /// What a browser sends when somebody has filled it in and pressed the first button.
    pub(super) fn filled(&self, with: Filling<'_>) -> Vec<(String, String)> {
        let pressed = self.inputs.iter().position(|input| input.kind == "submit");
        let sent = self.inputs.iter().enumerate().filter_map(|(number, input)| {
            let value = match input.kind.as_str() {
                "password" => with.password,
                kind if TEXTS.contains(&kind) && input.takes_code() => with.code,
                kind if TEXTS.contains(&kind) => with.name,
                "checkbox" | "radio" if !input.checked => return None,
                "submit" if pressed != Some(number) => return None,
                "button" | "reset" | "image" | "file" => return None,
                _ => &input.value,
            };
            (!input.name.is_empty()).then(|| (input.name.clone(), value.to_owned()))
        });
        sent.collect()
    }
}

/// Kinds of fields that take a name or a code.
const TEXTS: [&str; 5] = ["text", "email", "tel", "number", "search"];

impl Input {
    fn of(tag: &StartTag<()>) -> Option<Self> {
        let button = tag.name.as_slice() == b"button";
        let usual = if button { "submit" } else { "text" };
        let of = Self {
            name: attribute(tag, "name").unwrap_or_default(),
            kind: attribute(tag, "type").map_or_else(|| usual.to_owned(), |kind| kind.to_ascii_lowercase()),
            value: attribute(tag, "value").unwrap_or_default(),
            checked: tag.attributes.contains_key(b"checked".as_slice()),
        };
        // A disabled field is not sent (HTML standard, "Constructing the entry list").
        (!tag.attributes.contains_key(b"disabled".as_slice())).then_some(of)
    }

    /// Managed login calls the field of a code `authentication_code`.
    fn takes_code(&self) -> bool {
        TEXTS.contains(&self.kind.as_str()) && self.name.to_ascii_lowercase().contains("code")
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: Filling<'static> = Filling { name: "ann", password: "p&w", code: "123456" };

    fn pairs(form: &Form) -> Vec<(String, String)> {
        form.filled(WITH)
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The shape of Cognito's hosted pages: the same form twice, a token against forgery, a named button.
    #[test]
    fn a_login_form_is_filled_in_as_a_browser_would() {
        let page = br#"<script>document.write("<form method='post'><input type=password name=bad>")</script>
            <form method="GET" action="/search"><input name="q"></form>
            <FORM Method=POST action="/login?a=1&amp;b=%202"><input type="hidden" name="_csrf" value="t&quot;1">
            <input name="username" type="text" autocomplete=username required>
            <input id=p type='password' name='password'><input type=checkbox name=stay value=1>
            <input type=checkbox name=agreed value=yes checked><input type=text name=gone disabled>
            <input name="signInSubmitButton" type="Submit" value="Sign in"><button name=other>Other</button></FORM>"#;
        let forms = Form::all(page);
        assert_eq!(forms.len(), 1, "{forms:?}");
        assert_eq!(forms[0].action.as_deref(), Some("/login?a=1&b=%202"));
        assert_eq!(forms[0].asks(), Some(Asks::Password));
        let expected = [("_csrf", "t\"1"), ("username", "ann"), ("password", "p&w"), ("agreed", "yes")];
        assert_eq!(pairs(&forms[0]), owned(&[&expected[..], &[("signInSubmitButton", "Sign in")]].concat()));
    }

    #[test]
    fn forms_are_told_apart_by_what_they_ask() {
        let asks = |inputs: &str| Form::all(format!("<form method=post>{inputs}").as_bytes())[0].asks();
        assert_eq!(asks("<input name=username>"), Some(Asks::Name));
        assert_eq!(asks("<input name=authentication_code>"), Some(Asks::Code));
        assert_eq!(asks("<input type=hidden name=SAMLResponse value=x>"), Some(Asks::Nothing));
        assert_eq!(asks("<input name=password type=password>"), Some(Asks::Password));
        assert_eq!(asks("<input type=password name=a><input type=password name=b>"), None, "a new password");
        assert_eq!(asks("<input name=first><input name=last>"), None);
        assert_eq!(asks(""), None);
        assert!(Form::all(b"<p>no form").is_empty());
        let code = &Form::all(b"<form method=post><input name=authentication_code></form>")[0];
        assert_eq!(pairs(code), owned(&[("authentication_code", "123456")]));
    }
}
