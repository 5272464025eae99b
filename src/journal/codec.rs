//! Encoding of stored bodies: bincode behind a header of kind and version. The only file that
//! names bincode (N7).
//!
//! ```text
//! record:  kind u16 LE │ version u16 LE │ length u32 LE │ body
//! value:   schema u8 │ body                                     (values of the store)
//! ```

use quittance_actors::partition::Commit;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::kinds::Kind;

/// Why stored bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum CodecError {
    #[error("record is cut short")]
    Short,
    #[error("record kind {0} is not known to this version")]
    UnknownKind(u16),
    #[error("record kind {kind} has version {version}, newest known is {newest}")]
    UnknownVersion {
        /// The kind.
        kind: u16,
        /// Its version.
        version: u16,
        /// The newest this program reads.
        newest: u16,
    },
    #[error("value schema {0} is not known to this version")]
    UnknownSchema(u8),
    #[error("body: {0}")]
    Body(String),
}

/// Bytes of a record's header.
pub const RECORD_HEADER_BYTES: usize = 8;
const SCHEMA: u8 = 1;

fn config() -> bincode::config::Configuration {
    bincode::config::standard()
}

/// Appends a record to `buffer`.
pub fn encode_record(commit: &Commit, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = buffer.len();
    let kind = Kind::Commit;
    let ([k0, k1], [v0, v1]) = (kind.number().to_le_bytes(), kind.version().to_le_bytes());
    buffer.extend_from_slice(&[k0, k1, v0, v1, 0, 0, 0, 0]);
    bincode::serde::encode_into_std_write(commit, buffer, config())
        .map_err(|error| CodecError::Body(error.to_string()))?;
    let length = u32::try_from(buffer.len() - start - RECORD_HEADER_BYTES)
        .map_err(|_| CodecError::Body("body above 4 GiB".to_owned()))?;
    if let Some(place) = buffer.get_mut(start + 4..start + RECORD_HEADER_BYTES) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// The whole length of the record at the start of `bytes`, from its header alone.
pub fn record_length(bytes: &[u8]) -> Result<usize, CodecError> {
    let length = bytes.get(4..RECORD_HEADER_BYTES).and_then(|length| length.try_into().ok());
    let length = u32::from_le_bytes(length.ok_or(CodecError::Short)?);
    Ok(RECORD_HEADER_BYTES + usize::try_from(length).map_err(|_| CodecError::Short)?)
}

/// Reads the record at the start of `bytes`; gives it and its whole length.
pub fn decode_record(bytes: &[u8]) -> Result<(Commit, usize), CodecError> {
    let (header, rest) = bytes.split_at_checked(RECORD_HEADER_BYTES).ok_or(CodecError::Short)?;
    let [k0, k1, v0, v1, l0, l1, l2, l3] = *header else { return Err(CodecError::Short) };
    let (kind, version) = (u16::from_le_bytes([k0, k1]), u16::from_le_bytes([v0, v1]));
    let known = Kind::of(kind).ok_or(CodecError::UnknownKind(kind))?;
    if version > known.version() || version == 0 {
        return Err(CodecError::UnknownVersion { kind, version, newest: known.version() });
    }
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).map_err(|_| CodecError::Short)?;
    let body = rest.get(..length).ok_or(CodecError::Short)?;
    let commit = match version {
        1 => decode_body::<super::v1::Commit>(body)?.into(),
        _ => decode_body(body)?,
    };
    Ok((commit, RECORD_HEADER_BYTES + length))
}

/// The body of anything stored.
pub fn encode_body<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    bincode::serde::encode_to_vec(value, config()).map_err(|error| CodecError::Body(error.to_string()))
}

/// Reads a body; refuses bytes left over.
pub fn decode_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, read) =
        bincode::serde::decode_from_slice(bytes, config()).map_err(|error| CodecError::Body(error.to_string()))?;
    if read == bytes.len() {
        Ok(value)
    } else {
        Err(CodecError::Body(format!("{} bytes left over", bytes.len() - read)))
    }
}

/// A value of the store.
pub fn encode_value<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![SCHEMA];
    bincode::serde::encode_into_std_write(value, &mut bytes, config())
        .map_err(|error| CodecError::Body(error.to_string()))?;
    Ok(bytes)
}

/// Reads a value of the store.
pub fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&SCHEMA, body)) => decode_body(body),
        Some((schema, _)) => Err(CodecError::UnknownSchema(*schema)),
        None => Err(CodecError::Short),
    }
}
