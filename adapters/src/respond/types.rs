//! The types of the crate `http`.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tiered_storage_core::{Error, ErrorKind, respond::is_header_value};

use super::{Answer, EntryBody, Request};
use crate::{host::Task, store::TieredStorage, tier::Body};

/// How to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RespondOptions {
    /// The header `cache-control` of 200, 206 and 304. None by default, so that caches go by their own rules.
    pub cache_control: Option<String>,
}

impl RespondOptions {
    /// With a header `cache-control`, such as `public, max-age=3600`.
    #[must_use]
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = Some(value.into());
        self
    }
}

impl TieredStorage {
    /// Answers a request with the entry of `key`: 200, 206, 304, 404, 405, 412 or 416, as the module
    /// [`respond`](crate::respond) says. For cost see [`TieredStorage::answer`].
    ///
    /// The request's body is not looked at, and its path neither: which key it asks for, the program knows. The
    /// response has no `date`; servers add it.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
    /// # use std::sync::Arc;
    /// # use tiered_storage::{MemoryOptions, MemoryTier, TieredStorage};
    /// use http::{Request, Response, header::RANGE};
    /// use tiered_storage::respond::EntryBody;
    ///
    /// async fn handle<B>(
    ///     storage: &TieredStorage,
    ///     request: &Request<B>,
    /// ) -> Result<Response<EntryBody>, tiered_storage::Error> {
    ///     storage.respond(request, request.uri().path().trim_start_matches('/')).await
    /// }
    ///
    /// # let cold = Arc::new(MemoryTier::new(MemoryOptions::new())?);
    /// # let storage = TieredStorage::builder(cold).open().await?;
    /// storage.set("video.webm", vec![7; 1_000]).await?;
    /// let request = Request::get("/video.webm").header(RANGE, "bytes=900-").body(())
    ///     .expect("a request");
    /// let response = handle(&storage, &request).await?;
    /// assert_eq!(response.status(), 206);
    /// assert_eq!(response.headers()["content-range"], "bytes 900-999/1000");
    /// assert_eq!(response.headers()["content-type"], "video/webm");
    /// assert_eq!(response.into_body().whole().await?.len(), 100);
    /// # Ok::<(), tiered_storage::Error>(()) }).expect("the example works");
    /// ```
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`]. That there is no entry is none: it is a 404.
    pub fn respond<B>(
        &self,
        request: &http::Request<B>,
        key: impl AsRef<str>,
    ) -> Task<Result<Response<EntryBody>, Error>> {
        self.respond_with(request, key, RespondOptions::default())
    }

    /// Answers a request with options. See [`TieredStorage::respond`].
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::respond`], and `Invalid` if an option is not the value of a header.
    pub fn respond_with<B>(
        &self,
        request: &http::Request<B>,
        key: impl AsRef<str>,
        options: RespondOptions,
    ) -> Task<Result<Response<EntryBody>, Error>> {
        // The request is left behind here: bodies of servers cannot be shared by threads.
        let asked = Request::new(request.method().as_str(), |name| joined(request.headers(), name));
        let (storage, key) = (self.clone(), key.as_ref().to_owned());
        Box::pin(async move {
            let cache_control = options.cache_control.as_deref();
            if cache_control.is_some_and(|value| !is_header_value(value)) {
                let message = "`cache_control` is not the value of a header; write printable ASCII";
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            let (answer, body) = storage.answer(&asked, key, cache_control).await?;
            Ok(response(answer, body))
        })
    }
}

/// The value of a header; those of several lines, as a list.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter().map(|value| {
        // What is no text is no part of any tag or range that there is.
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    });
    let first = values.next()?;
    Some(values.fold(first, |list, value| format!("{list}, {value}")))
}

fn response(answer: Answer, body: Body) -> Response<EntryBody> {
    let size_bytes = answer.body.as_ref().map_or(0, |range| range.end - range.start);
    let mut response = Response::new(EntryBody::new(body, size_bytes));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).expect("the core answers with known statuses");
    for (name, value) in answer.headers {
        let value = HeaderValue::try_from(value).expect("the core answers in printable ASCII");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
