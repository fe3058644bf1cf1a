//! The SDK's requests over a connection of ours.

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use gameday_protocols::net::Connection;

/// Sends a request of the SDK. Its body must be in memory from the start, as those of all calls are that this program makes so.
///
/// # Errors
/// As the SDK wants them; also for a body that is not in memory.
pub async fn over(connection: &mut Connection, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let body = request.body().bytes().map(Bytes::copy_from_slice);
    let body = body.ok_or_else(|| ConnectorError::user("the body of the request is not in memory".into()))?;
    let request = request.map(|_| body);
    let response = connection.send(request).await.map_err(|error| ConnectorError::io(error.into()))?;
    HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| ConnectorError::user(error.into()))
}
