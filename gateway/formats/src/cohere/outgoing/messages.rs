//! `messages` and `documents`.

use super::files::{Sent, fitted};
use super::turns::mention;
use crate::{
    conversation::{Fit, Format, Media, Part, PartKind, Role, Turn, arguments_object},
    json::{List, Object},
};

/// The messages of a request, and the documents that are taken out of them.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Whether documents stay in the text.
    inline: bool,
    said: Vec<Message>,
    documents: Vec<(Option<String>, String)>,
}

#[derive(Debug)]
enum Message {
    System(String),
    User(Content),
    Assistant(String),
    /// With what was said before them.
    Calls(String, Vec<Call>),
    Tool {
        id: String,
        text: String,
    },
}

#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// What a user says, in the order in which it is said: words may point to the image before them.
#[derive(Debug, Default)]
struct Content {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Image { url: String, detail: Option<String> },
}

impl Messages {
    /// None yet. `formed`: a form of the answer is asked for, and beside that there may be no documents.
    pub fn new(formed: bool) -> Self {
        Self { inline: formed, ..Self::default() }
    }

    /// The rules, as one message.
    pub fn add_system(&mut self, system: &[Part]) {
        let texts: Vec<&str> = system.iter().filter_map(Part::as_text).collect();
        if !texts.is_empty() {
            self.said.push(Message::System(texts.join("\n\n")));
        }
    }

    /// Turns that are in order.
    pub fn add_turns(&mut self, turns: &[Turn], origin: Format, fit: &mut Fit) {
        for turn in turns {
            if turn.role == Role::Assistant {
                self.said.push(assistant(turn));
            } else {
                self.add_user(turn, origin, fit);
            }
        }
    }

    /// Results of tools are messages of their own; images in them follow in the user's, which may be there for these
    /// only.
    fn add_user(&mut self, turn: &Turn, origin: Format, fit: &mut Fit) {
        const GIVEN: &str = "The tools gave these images:";
        let mut content = Content::default();
        let mut spoken = Vec::new();
        for part in &turn.parts {
            match &part.kind {
                PartKind::ToolResult { id, parts, error, .. } => {
                    let text = self.result(parts, *error, &mut content, origin, fit);
                    self.said.push(Message::Tool { id: id.clone(), text });
                }
                _ => spoken.push(part),
            }
        }
        if !content.pieces.is_empty() {
            content.pieces.insert(0, Piece::Text(GIVEN.to_owned()));
        }
        let only_results = spoken.is_empty();
        for part in spoken {
            match &part.kind {
                PartKind::Text(text) => content.pieces.push(Piece::Text(text.clone())),
                PartKind::Media(file) => self.add_file(file, &mut content, origin, fit),
                _ => {}
            }
        }
        if content.pieces.is_empty() {
            if only_results {
                return;
            }
            // Documents alone, or what was refused.
            content.pieces.push(Piece::Text(".".to_owned()));
        }
        self.said.push(Message::User(content));
    }

    fn add_file(&mut self, file: &Media, content: &mut Content, origin: Format, fit: &mut Fit) {
        match fitted(file, origin, fit) {
            Some(Sent::Image { url, detail }) => content.pieces.push(Piece::Image { url, detail }),
            Some(Sent::Document { title, text }) if self.inline => {
                content.pieces.push(Piece::Text(titled(title.as_deref(), &text)));
            }
            Some(Sent::Document { title, text }) => self.documents.push((title, text)),
            None => {}
        }
    }

    /// A result as text. Nobody has a word for one that failed, so that the text has to tell.
    fn result(
        &mut self,
        parts: &[Part],
        error: bool,
        content: &mut Content,
        origin: Format,
        fit: &mut Fit,
    ) -> String {
        let mut texts = Vec::new();
        for part in parts.iter().filter(|part| !part.is_blank()) {
            match &part.kind {
                PartKind::Text(text) => texts.push(text.clone()),
                PartKind::Media(file) => match fitted(file, origin, fit) {
                    Some(Sent::Image { url, detail }) => {
                        texts.push(mention(file.kind).to_owned());
                        content.pieces.push(Piece::Image { url, detail });
                    }
                    Some(Sent::Document { title, text }) => {
                        texts.push(titled(title.as_deref(), &text));
                    }
                    None => {}
                },
                _ => {}
            }
        }
        if texts.is_empty() {
            texts.push(if error { "The tool failed." } else { "." }.to_owned());
        }
        texts.join("\n")
    }

    /// Writes both.
    pub fn write(&self, body: &mut Object) {
        body.list("messages", |list| {
            for message in &self.said {
                list.object(|object| message.write(object));
            }
        });
        if self.documents.is_empty() {
            return;
        }
        body.list("documents", |list| {
            for (number, (title, text)) in self.documents.iter().enumerate() {
                list.object(|document| {
                    document.put("id", format!("doc_{}", number + 1)).object("data", |data| {
                        data.put_some("title", title.as_ref()).put("text", text);
                    });
                });
            }
        });
    }
}

/// Content or calls, never both: beside calls the text is the plan.
fn assistant(turn: &Turn) -> Message {
    let calls = turn.parts.iter().filter_map(|part| match &part.kind {
        PartKind::ToolCall { id, name, arguments, .. } => Some(Call {
            id: id.clone(),
            name: name.clone(),
            arguments: arguments_object(arguments).get().to_owned(),
        }),
        _ => None,
    });
    let calls: Vec<Call> = calls.collect();
    let text = turn.text("\n");
    if calls.is_empty() { Message::Assistant(text) } else { Message::Calls(text, calls) }
}

/// A document in a text.
fn titled(title: Option<&str>, text: &str) -> String {
    match title {
        Some(title) => format!("{title}\n{text}"),
        None => text.to_owned(),
    }
}

impl Message {
    fn write(&self, object: &mut Object) {
        match self {
            Self::System(text) => {
                object.put("role", "system").put("content", text);
            }
            Self::Assistant(text) => {
                object.put("role", "assistant").put("content", text);
            }
            Self::Tool { id, text } => {
                object.put("role", "tool").put("tool_call_id", id).put("content", text);
            }
            Self::Calls(plan, calls) => {
                object.put("role", "assistant");
                if !plan.is_empty() {
                    object.put("tool_plan", plan);
                }
                object.list("tool_calls", |list| {
                    for call in calls {
                        list.object(|object| {
                            object.put("id", &call.id).put("type", "function");
                            object.object("function", |function| {
                                function.put("name", &call.name).put("arguments", &call.arguments);
                            });
                        });
                    }
                });
            }
            Self::User(content) => {
                object.put("role", "user");
                content.write(object);
            }
        }
    }
}

impl Content {
    /// A list only where there are images.
    fn write(&self, object: &mut Object) {
        let texts = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Image { .. } => None,
        });
        let texts: Vec<&str> = texts.collect();
        if texts.len() == self.pieces.len() {
            object.put("content", texts.join("\n"));
            return;
        }
        object.list("content", |list| {
            for piece in &self.pieces {
                match piece {
                    Piece::Text(text) => {
                        list.object(|part| {
                            part.put("type", "text").put("text", text);
                        });
                    }
                    Piece::Image { url, detail } => write_image(list, url, detail.as_ref()),
                }
            }
        });
    }
}

fn write_image(list: &mut List, url: &str, detail: Option<&String>) {
    list.object(|part| {
        part.put("type", "image_url").object("image_url", |image| {
            image.put("url", url).put_some("detail", detail);
        });
    });
}
