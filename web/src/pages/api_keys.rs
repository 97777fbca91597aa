//! API keys: what apps present to a gateway.

use crate::{
    form::{Choice, Field, FieldError, field_errors},
    layout::Shell,
    list::{Pager, Query},
};
use askama::Template;
use jiff::Timestamp;
use tollgate_contract::money::NanoUsd;

/// `GET /console/api-keys?q=…&status=active|expiring|overlap|revoked|expired&sort=name|created|last_used|spend`.
#[derive(Debug, Clone, Template)]
#[template(path = "api_keys/list.html")]
pub struct ApiKeysPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The address of the list.
    pub query: Query,
    /// The rows.
    pub rows: Vec<ApiKeyRow>,
    /// The next page.
    pub pager: Pager,
}

impl ApiKeysPage {
    /// What `status` can be.
    pub fn statuses(&self) -> Vec<Choice> {
        ApiKeyStatus::ALL.map(|status| Choice::new(status.name(), status.label())).to_vec()
    }
}

/// An API key in the list.
#[derive(Debug, Clone)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its last four characters.
    pub last4: String,
    /// Its team.
    pub team: Option<String>,
    /// Its member.
    pub member: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Charged since the first of the month.
    pub spend_month: NanoUsd,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Where it stands.
    pub status: ApiKeyStatus,
}

/// Where an API key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyStatus {
    /// It works.
    Active,
    /// It works and expires within a week.
    Expiring,
    /// It was rotated and works until its overlap ends.
    Overlap,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl ApiKeyStatus {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Expiring, Self::Overlap, Self::Revoked, Self::Expired];

    /// The value of `status` in the address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::Overlap => "overlap",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// In words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Expiring => "Expiring",
            Self::Overlap => "Overlap",
            Self::Revoked => "Revoked",
            Self::Expired => "Expired",
        }
    }

    /// Its colour.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Active => "ok",
            Self::Expiring => "warn",
            Self::Overlap => "info",
            Self::Revoked => "bad",
            Self::Expired => "muted",
        }
    }

    /// Whether a gateway still accepts it.
    pub const fn works(self) -> bool {
        matches!(self, Self::Active | Self::Expiring | Self::Overlap)
    }
}

/// What is asked about an API key, when it is created and when it is edited.
#[derive(Debug, Clone, Default)]
pub struct ApiKeyForm {
    /// `name`.
    pub name: Field,
    /// `team`: a team's id, or empty.
    pub team: Field,
    /// `models`: patterns, one a line.
    pub models: Field,
    /// `requests_per_minute`.
    pub requests_per_minute: Field,
    /// `tokens_per_minute`.
    pub tokens_per_minute: Field,
    /// `concurrent`.
    pub concurrent: Field,
    /// `expires`: a date (`2027-01-31`), or empty.
    pub expires: Field,
    /// `budget_limit` in USD, or empty for no budget; only asked at creation.
    pub budget_limit: Field,
    /// `budget_window`; only asked at creation.
    pub budget_window: Field,
    /// What is wrong with the whole.
    pub error: Option<String>,
}

impl ApiKeyForm {
    /// An empty form, for a new API key.
    pub fn blank() -> Self {
        Self { models: "*".into(), budget_window: "month".into(), ..Self::default() }
    }

    /// All errors at fields.
    pub fn errors(&self) -> Vec<FieldError> {
        field_errors(&[
            ("name", &self.name),
            ("team", &self.team),
            ("models", &self.models),
            ("requests_per_minute", &self.requests_per_minute),
            ("tokens_per_minute", &self.tokens_per_minute),
            ("concurrent", &self.concurrent),
            ("expires", &self.expires),
            ("budget_limit", &self.budget_limit),
            ("budget_window", &self.budget_window),
        ])
    }
}

/// `GET /console/api-keys/new`; posts [`ApiKeyForm`], `csrf`, `once` to `/console/api-keys`.
#[derive(Debug, Clone, Template)]
#[template(path = "api_keys/new.html")]
pub struct NewApiKeyPage {
    /// What surrounds it.
    pub shell: Shell,
    /// Names this submission, so that a second one creates nothing.
    pub once: String,
    /// The form.
    pub form: ApiKeyForm,
    /// The tenant's teams.
    pub teams: Vec<Choice>,
}

impl NewApiKeyPage {
    /// What `budget_window` can be.
    pub fn windows(&self) -> Vec<Choice> {
        super::budgets::windows()
    }
}

/// After creation or rotation: the secret, once. Never cached.
#[derive(Debug, Clone, Template)]
#[template(path = "api_keys/created.html", blocks = ["first_request"])]
pub struct ApiKeyCreatedPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The new API key's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The secret.
    pub secret: String,
    /// Until when the previous secret works, after a rotation.
    pub overlap_until: Option<Timestamp>,
    /// How to use it; see [`snippets`].
    pub snippets: Vec<Snippet>,
    /// The first request with it; `None` while it is waited for.
    pub first_request: Option<FirstRequest>,
}

/// `GET /console/api-keys/{id}/first-request`: asked every two seconds (`HX-Request`), or opened as a page by those
/// without scripts; `as_first_request()` is the fragment.
#[derive(Debug, Clone, Template)]
#[template(path = "api_keys/first_request.html", blocks = ["first_request"])]
pub struct FirstRequestPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The API key's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The first request with it; `None` while it is waited for.
    pub first_request: Option<FirstRequest>,
}

/// The first request with an API key.
#[derive(Debug, Clone)]
pub struct FirstRequest {
    /// The request's id.
    pub id: String,
    /// When it came in.
    pub at: Timestamp,
    /// The HTTP status that the app got.
    pub status: u16,
    /// The model.
    pub model: String,
    /// All tokens.
    pub tokens: u64,
    /// The charge.
    pub cost: NanoUsd,
}

impl FirstRequest {
    /// Whether it succeeded.
    pub const fn succeeded(&self) -> bool {
        self.status < 400
    }
}

/// How to use an API key with one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The tool.
    pub title: String,
    /// What to paste.
    pub code: String,
}

/// How to use `secret` for `model` at the gateway `base_url` (without `/v1`).
pub fn snippets(base_url: &str, secret: &str, model: &str) -> Vec<Snippet> {
    let snippet = |title: &str, code: String| Snippet { title: title.to_owned(), code };
    vec![
        snippet(
            "curl",
            format!(
                "curl {base_url}/v1/chat/completions \\\n  -H \"Authorization: Bearer {secret}\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
            ),
        ),
        snippet(
            "Python",
            format!(
                "from openai import OpenAI\n\nclient = OpenAI(\n    base_url=\"{base_url}/v1\",\n    api_key=\"{secret}\",\n)\nanswer = client.chat.completions.create(\n    model=\"{model}\",\n    messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n)\nprint(answer.choices[0].message.content)"
            ),
        ),
        snippet(
            "Node",
            format!(
                "import OpenAI from \"openai\";\n\nconst client = new OpenAI({{\n  baseURL: \"{base_url}/v1\",\n  apiKey: \"{secret}\",\n}});\nconst answer = await client.chat.completions.create({{\n  model: \"{model}\",\n  messages: [{{ role: \"user\", content: \"Hello\" }}],\n}});\nconsole.log(answer.choices[0].message.content);"
            ),
        ),
        snippet(
            "Claude Code",
            format!(
                "export ANTHROPIC_BASE_URL=\"{base_url}\"\nexport ANTHROPIC_AUTH_TOKEN=\"{secret}\"\nexport ANTHROPIC_MODEL=\"{model}\"\nclaude"
            ),
        ),
        snippet(
            "LangChain",
            format!(
                "from langchain_openai import ChatOpenAI\n\nmodel = ChatOpenAI(\n    base_url=\"{base_url}/v1\",\n    api_key=\"{secret}\",\n    model=\"{model}\",\n)\nprint(model.invoke(\"Hello\").content)"
            ),
        ),
    ]
}

/// `GET /console/api-keys/{id}`; posts [`ApiKeyForm`] (without the budget), `etag`, `csrf` to the same address, and
/// `overlap` (`0s`, `1h`, `24h`, `7d`), `csrf`, `once` to `/console/api-keys/{id}/rotate`.
#[derive(Debug, Clone, Template)]
#[template(path = "api_keys/detail.html")]
pub struct ApiKeyPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The API key as in the list.
    pub key: ApiKeyRow,
    /// Who created it.
    pub created_by: String,
    /// The version that was read, against lost updates.
    pub etag: String,
    /// Names the submission of a rotation.
    pub once: String,
    /// The form.
    pub form: ApiKeyForm,
    /// The tenant's teams.
    pub teams: Vec<Choice>,
    /// What it did.
    pub usage: ApiKeyUsage,
}

impl ApiKeyPage {
    /// What `overlap` can be.
    pub fn overlaps(&self) -> Vec<Choice> {
        [
            ("24h", "24 hours"),
            ("1h", "1 hour"),
            ("7d", "7 days"),
            ("0s", "None: the old secret stops now"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .to_vec()
    }
}

/// What an API key did.
#[derive(Debug, Clone, Default)]
pub struct ApiKeyUsage {
    /// Requests in the last 24 hours.
    pub requests_24h: u64,
    /// Failed ones among them.
    pub errors_24h: u64,
    /// Charged in the last 24 hours.
    pub spend_24h: NanoUsd,
    /// Tokens since the first of the month.
    pub tokens_month: u64,
}

/// `GET /console/api-keys/{id}/revoke`; posts `name`, `csrf` to the same address.
#[derive(Debug, Clone, Template)]
#[template(path = "api_keys/revoke.html")]
pub struct RevokeApiKeyPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The API key as in the list.
    pub key: ApiKeyRow,
    /// What it did.
    pub usage: ApiKeyUsage,
    /// The name as typed.
    pub typed: Field,
}
