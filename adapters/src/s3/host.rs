//! What sends, tells the time and signs where the configuration brings nothing of its own.

use std::sync::Arc;

use tiered_storage_core::Error;

#[cfg(not(target_arch = "wasm32"))]
use super::request::Site;
use super::{Environment, Http, Sign, request::Address};

/// What the host brings.
pub(super) struct Host {
    #[cfg(not(target_arch = "wasm32"))]
    tls: crate::native::http::Tls,
    #[cfg(not(target_arch = "wasm32"))]
    connect_timeout_ms: u64,
}

#[cfg(not(target_arch = "wasm32"))]
impl Host {
    pub(super) fn new(address: &Address, connect_timeout_ms: u64) -> Self {
        use crate::native::http::Tls;
        let tls = match address.site {
            Site::Custom { scheme: "http", .. } => Tls::Never,
            _ => Tls::Verified,
        };
        Self { tls, connect_timeout_ms }
    }

    pub(super) fn http(&self) -> Result<Arc<dyn Http>, Error> {
        let http = crate::native::http::ReqwestHttp::new(self.tls, self.connect_timeout_ms)?;
        Ok(Arc::new(http))
    }

    pub(super) fn environment(&self) -> Result<Arc<dyn Environment>, Error> {
        Ok(Arc::new(crate::native::http::TokioEnvironment))
    }

    pub(super) fn signer(&self) -> Result<Arc<dyn Sign>, Error> {
        Ok(Arc::new(super::sign::aws::AwsSigner))
    }
}

#[cfg(target_arch = "wasm32")]
impl Host {
    pub(super) fn new(_address: &Address, _connect_timeout_ms: u64) -> Self {
        Self {}
    }

    pub(super) fn http(&self) -> Result<Arc<dyn Http>, Error> {
        Ok(Arc::new(crate::web::http::FetchHttp::new(None)))
    }

    pub(super) fn environment(&self) -> Result<Arc<dyn Environment>, Error> {
        Ok(Arc::new(crate::web::http::WebEnvironment))
    }

    pub(super) fn signer(&self) -> Result<Arc<dyn Sign>, Error> {
        Ok(Arc::new(super::sign::compact::CompactSigner))
    }
}
