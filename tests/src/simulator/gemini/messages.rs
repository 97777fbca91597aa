//! The messages of Google's API: which fields each has, and what they hold.

use super::proto::Host::{Studio, Vertex};
use super::proto::Kind::{
    Any, AnyCaseWord, Bytes, Flag, Many, Named, Number, Object, One, Text, Whole, Word,
};
use super::proto::{Message, field, field_of};

/// `generateContent` and `streamGenerateContent`.
pub static GENERATE: Message = Message(&[
    field("model", Text),
    field("contents", Many(&One(&CONTENT))),
    field("systemInstruction", One(&CONTENT)),
    field("tools", Many(&One(&TOOL))),
    field("toolConfig", One(&TOOL_CONFIG)),
    field("safetySettings", Many(&One(&SAFETY))),
    field("generationConfig", One(&GENERATION_CONFIG)),
    field("cachedContent", Text),
    field_of(Vertex, "labels", Named(&Text)),
    field_of(Studio, "serviceTier", AnyCaseWord(&["FLEX", "STANDARD", "PRIORITY"])),
    field_of(Studio, "store", Flag),
    field_of(Vertex, "modelArmorConfig", Object),
]);

/// `countTokens`: AI Studio counts a prompt or a whole request, Vertex a prompt with its tools.
pub static COUNT: Message = Message(&[
    field("model", Text),
    field("contents", Many(&One(&CONTENT))),
    field_of(Studio, "generateContentRequest", One(&GENERATE)),
    field_of(Vertex, "systemInstruction", One(&CONTENT)),
    field_of(Vertex, "tools", Many(&One(&TOOL))),
    field_of(Vertex, "generationConfig", One(&GENERATION_CONFIG)),
    field_of(Vertex, "instances", Any),
]);

/// `embedContent`.
pub static EMBED: Message = Message(&[
    field("model", Text),
    field("content", One(&CONTENT)),
    field("taskType", Word(&TASK_TYPES)),
    field("title", Text),
    field("outputDimensionality", Whole),
    field_of(Vertex, "autoTruncate", Flag),
    field_of(Vertex, "embedContentConfig", One(&EMBED_CONFIG)),
]);

/// `batchEmbedContents`.
pub static BATCH_EMBED: Message = Message(&[field("requests", Many(&One(&EMBED)))]);

/// `predict` with an embedding model.
pub static PREDICT: Message =
    Message(&[field("instances", Many(&One(&INSTANCE))), field("parameters", One(&PARAMETERS))]);

static CONTENT: Message = Message(&[field("role", Text), field("parts", Many(&One(&PART)))]);

static PART: Message = Message(&[
    field("text", Text),
    field("inlineData", One(&BLOB)),
    field("fileData", One(&FILE)),
    field("functionCall", One(&CALL)),
    field("functionResponse", One(&RESPONSE)),
    field("executableCode", Object),
    field("codeExecutionResult", Object),
    field("toolCall", Object),
    field("toolResponse", Object),
    field("thought", Flag),
    field("thoughtSignature", Bytes),
    field("videoMetadata", Object),
    field("mediaResolution", Object),
    field_of(Studio, "partMetadata", Object),
]);

static BLOB: Message =
    Message(&[field("mimeType", Text), field("data", Bytes), field("displayName", Text)]);

static FILE: Message =
    Message(&[field("mimeType", Text), field("fileUri", Text), field("displayName", Text)]);

static CALL: Message = Message(&[field("id", Text), field("name", Text), field("args", Object)]);

static RESPONSE: Message = Message(&[
    field("id", Text),
    field("name", Text),
    field("response", Object),
    field("parts", Many(&One(&RESPONSE_PART))),
    field("willContinue", Flag),
    field("scheduling", Text),
]);

static RESPONSE_PART: Message =
    Message(&[field("inlineData", One(&BLOB)), field("fileData", One(&FILE))]);

static TOOL: Message = Message(&[
    field("functionDeclarations", Many(&One(&FUNCTION))),
    field("googleSearch", Object),
    field("googleSearchRetrieval", Object),
    field("codeExecution", Object),
    field("urlContext", Object),
    field("googleMaps", Object),
    field("computerUse", Object),
    field_of(Studio, "fileSearch", Object),
    field_of(Vertex, "retrieval", Object),
    field_of(Vertex, "enterpriseWebSearch", Object),
]);

static FUNCTION: Message = Message(&[
    field("name", Text),
    field("description", Text),
    field("parameters", One(&SCHEMA)),
    field("parametersJsonSchema", Any),
    field("response", One(&SCHEMA)),
    field("responseJsonSchema", Any),
    field_of(Studio, "behavior", Text),
]);

static TOOL_CONFIG: Message = Message(&[
    field("functionCallingConfig", One(&CALLING)),
    field("retrievalConfig", Object),
    field("includeServerSideToolInvocations", Flag),
]);

static CALLING: Message = Message(&[
    field("mode", Word(&["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"])),
    field("allowedFunctionNames", Many(&Text)),
    field_of(Vertex, "streamFunctionCallArguments", Flag),
]);

static SAFETY: Message = Message(&[
    field("category", Word(&CATEGORIES)),
    field("threshold", Word(&THRESHOLDS)),
    field_of(Vertex, "method", Word(&["SEVERITY", "PROBABILITY"])),
]);

static GENERATION_CONFIG: Message = Message(&[
    field("temperature", Number),
    field("topP", Number),
    field("topK", Number),
    field("candidateCount", Whole),
    field("maxOutputTokens", Whole),
    field("stopSequences", Many(&Text)),
    field("seed", Whole),
    field("presencePenalty", Number),
    field("frequencyPenalty", Number),
    field("responseLogprobs", Flag),
    field("logprobs", Whole),
    field("responseMimeType", Text),
    field("responseSchema", One(&SCHEMA)),
    field("responseJsonSchema", Any),
    field("responseModalities", Many(&AnyCaseWord(&["TEXT", "IMAGE", "AUDIO"]))),
    field("speechConfig", Object),
    field("imageConfig", Object),
    field("thinkingConfig", One(&THINKING)),
    field("mediaResolution", Text),
    field("enableEnhancedCivicAnswers", Flag),
    field_of(Vertex, "audioTimestamp", Flag),
    field_of(Vertex, "routingConfig", Object),
    field_of(Vertex, "modelSelectionConfig", Object),
    field_of(Vertex, "enableAffectiveDialog", Flag),
]);

static THINKING: Message = Message(&[
    field("includeThoughts", Flag),
    field("thinkingBudget", Whole),
    field("thinkingLevel", AnyCaseWord(&["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"])),
]);

/// The schema of OpenAPI 3.0 as Google takes it, which is not JSON Schema.
static SCHEMA: Message = Message(&[
    field(
        "type",
        AnyCaseWord(&["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"]),
    ),
    field("format", Text),
    field("title", Text),
    field("description", Text),
    field("nullable", Flag),
    field("enum", Many(&Text)),
    field("default", Any),
    field("example", Any),
    field("items", One(&SCHEMA)),
    field("minItems", Whole),
    field("maxItems", Whole),
    field("properties", Named(&One(&SCHEMA))),
    field("required", Many(&Text)),
    field("minProperties", Whole),
    field("maxProperties", Whole),
    field("propertyOrdering", Many(&Text)),
    field("minimum", Number),
    field("maximum", Number),
    field("minLength", Whole),
    field("maxLength", Whole),
    field("pattern", Text),
    field("anyOf", Many(&One(&SCHEMA))),
    field_of(Vertex, "additionalProperties", Any),
    field_of(Vertex, "defs", Named(&One(&SCHEMA))),
    field_of(Vertex, "ref", Text),
]);

static EMBED_CONFIG: Message = Message(&[
    field("taskType", Word(&TASK_TYPES)),
    field("title", Text),
    field("outputDimensionality", Whole),
    field("autoTruncate", Flag),
    field("documentOcr", Flag),
    field("audioTrackExtraction", Flag),
]);

/// These have names with underscores, which are read as camel case too.
static INSTANCE: Message = Message(&[
    field("content", Text),
    field("taskType", Word(&TASK_TYPES)),
    field("title", Text),
    field("mimeType", Text),
]);

static PARAMETERS: Message =
    Message(&[field("outputDimensionality", Whole), field("autoTruncate", Flag)]);

const TASK_TYPES: [&str; 9] = [
    "TASK_TYPE_UNSPECIFIED",
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
];

const CATEGORIES: [&str; 11] = [
    "HARM_CATEGORY_UNSPECIFIED",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_CIVIC_INTEGRITY",
    "HARM_CATEGORY_JAILBREAK",
    "HARM_CATEGORY_IMAGE_HATE",
    "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
    "HARM_CATEGORY_IMAGE_HARASSMENT",
    "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
];

const THRESHOLDS: [&str; 6] = [
    "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
];
