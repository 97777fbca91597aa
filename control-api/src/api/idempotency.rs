//! `Idempotency-Key` on every POST: a repeated request is answered as the first was, for 24 hours. Answers are sealed,
//! because some show a secret once.

use super::body::read;
use crate::{
    access::{Actor, session},
    error::{ApiError, FieldError},
    state::State,
    store::idempotency as store,
};
use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
    web,
};
use sha2::{Digest, Sha256};
use tollgate_contract::sealed::Binding;

/// Middleware of the API.
pub async fn idempotent(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // Known from here on, so that a handler refuses who may not before it looks at what was sent.
    let actor = session::actor_of(request.request()).await;
    let header = request.headers().get("idempotency-key").cloned();
    // Keys are a tenant's: who signs in, and an operator outside of any tenant, has none.
    let actor = actor.ok().filter(|actor| !actor.tenant.0.is_nil());
    let (Some(header), &Method::POST, Some(actor)) = (header, request.method(), actor) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let key = header.to_str().ok().filter(|key| (1..=255).contains(&key.len())).map(str::to_owned);
    let key = key.ok_or_else(|| {
        ApiError::Malformed(FieldError::new(
            "",
            "Idempotency-Key must have 1 to 255 visible ASCII characters.",
        ))
    })?;
    let state = request
        .app_data::<web::Data<State>>()
        .cloned()
        .ok_or_else(|| ApiError::internal("no state"))?;
    let body = read(&mut request.take_payload()).await?;
    let hash = request_hash(&request, &body);
    request.set_payload(Payload::from(body));
    if let Some(answer) = known_answer(&state, &actor, &key, &hash).await? {
        return Ok(request.into_response(answer));
    }
    let response = next.call(request).await;
    keep(&state, &actor, &key, response).await
}

fn request_hash(request: &ServiceRequest, body: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [request.path().as_bytes(), request.query_string().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

async fn known_answer(
    state: &State,
    actor: &Actor,
    key: &str,
    hash: &[u8],
) -> Result<Option<HttpResponse>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let known = store::take(&mut tx, &actor.id(), key, hash).await?;
    tx.commit().await?;
    let Some(known) = known else { return Ok(None) };
    if known.request_hash != hash {
        return Err(ApiError::KeyReused);
    }
    let (Some(status), Some(sealed)) = (known.status, known.sealed) else {
        return Err(ApiError::InProgress);
    };
    let (tenant, record) = (actor.tenant.to_string(), format!("{}/{key}", actor.id()));
    let body = state.keys.open(&binding(&tenant, &record), &sealed).map_err(ApiError::internal)?;
    let code = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = HttpResponse::build(code.unwrap_or(StatusCode::OK));
    let kind = if 400 <= status { "application/problem+json" } else { "application/json" };
    response.insert_header(("idempotent-replayed", "true")).content_type(kind);
    Ok(Some(response.body(body.to_vec())))
}

async fn keep(
    state: &State,
    actor: &Actor,
    key: &str,
    response: Result<ServiceResponse<impl MessageBody + 'static>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let failed = match &response {
        Ok(response) => {
            response.status().is_server_error() || response.status() == StatusCode::UNAUTHORIZED
        }
        Err(_) => true,
    };
    if failed {
        let mut tx = state.db.tenant(actor.tenant).await.map_err(ApiError::from)?;
        store::give_back(&mut tx, &actor.id(), key).await.map_err(ApiError::from)?;
        tx.commit().await.map_err(ApiError::from)?;
        return response.map(ServiceResponse::map_into_boxed_body);
    }
    let (request, response) = response?.into_parts();
    let (head, body) = response.into_parts();
    let body =
        to_bytes(body).await.map_err(|_| ApiError::internal("an answer could not be read"))?;
    let (tenant, record) = (actor.tenant.to_string(), format!("{}/{key}", actor.id()));
    let sealed = state.keys.seal(&binding(&tenant, &record), &body).map_err(ApiError::internal)?;
    let mut tx = state.db.tenant(actor.tenant).await.map_err(ApiError::from)?;
    let status = i16::try_from(head.status().as_u16()).unwrap_or(200);
    store::answer(&mut tx, &actor.id(), key, status, &sealed).await.map_err(ApiError::from)?;
    tx.commit().await.map_err(ApiError::from)?;
    Ok(ServiceResponse::new(request, head.set_body(body).map_into_boxed_body()))
}

const fn binding<'b>(tenant: &'b str, record: &'b str) -> Binding<'b> {
    Binding { purpose: "idempotent_answer", tenant, record, version: 1 }
}
