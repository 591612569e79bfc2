//! TLS by rustls on ring, with no provider that is global to the process.

use crate::url::Roots;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::config::{Config, SslMode, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How to speak TLS; `None` where the URL switches it off.
pub(crate) fn connector(config: &Config, roots: &Roots) -> Result<Option<MakeRustlsConnect>, String> {
    if config.get_ssl_mode() == SslMode::Disable {
        return Ok(None);
    }
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used ({error}); report this as a bug"))
    };
    let with_roots = |roots| Ok::<_, String>(builder()?.with_root_certificates(roots).with_no_client_auth());
    let mut tls = match roots {
        Roots::File(path) => with_roots(read(path)?)?,
        Roots::Platform => match builder()?.with_platform_verifier() {
            Ok(builder) => builder.with_no_client_auth(),
            // The server may have no TLS at all; if it has, its certificate is refused.
            Err(_) if config.get_ssl_mode() == SslMode::Prefer => with_roots(RootCertStore::empty())?,
            Err(error) => {
                return Err(format!(
                    "this machine trusts no certificates ({error}); install ca-certificates, or add \
                     sslrootcert=PATH to the URL"
                ));
            }
        },
    };
    if config.get_ssl_negotiation() == SslNegotiation::Direct {
        tls.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Some(MakeRustlsConnect::new(tls)))
}

fn read(path: &Path) -> Result<RootCertStore, String> {
    let fail =
        |why: String| format!("cannot use the certificates of sslrootcert={} ({why}); give a PEM file", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| fail(e.to_string()))? {
        roots.add(certificate.map_err(|e| fail(e.to_string()))?).map_err(|e| fail(e.to_string()))?;
    }
    if roots.is_empty() { Err(fail("there is none in it".to_owned())) } else { Ok(roots) }
}
