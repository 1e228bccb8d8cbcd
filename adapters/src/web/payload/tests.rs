use wasm_bindgen::prelude::wasm_bindgen;

use super::*;
use crate::web::testing::{Tested, check, inside, js, noise, same};

#[wasm_bindgen]
pub fn payloads_give_their_bytes_in_pieces() -> Tested {
    let chunk = CHUNK_BYTES as usize;
    for len in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 200_000] {
        let bytes = noise(len);
        for payload in [Payload::from(bytes.clone()), inside(&bytes)] {
            let (mut all, mut pieces) = (Vec::new(), Vec::new());
            payload.chunks(|piece| {
                pieces.push(piece.len());
                all.extend_from_slice(piece);
            });
            same!((len, all == bytes), (len, true));
            check!(pieces.len() == len.div_ceil(chunk));
            check!(pieces.iter().all(|piece| (1..=chunk).contains(piece)));
        }
    }
    Ok(())
}

#[wasm_bindgen]
pub fn payloads_are_compared_by_their_bytes() -> Tested {
    check!(Payload::from(vec![1, 2]) == inside(&[1, 2]));
    check!(Payload::from(vec![1, 2]) != inside(&[1, 3]));
    check!(Payload::default().is_empty() && Payload::default().len() == 0);
    same!(format!("{:?}", inside(&[1, 2])), "[2 bytes]");
    Ok(())
}

#[cfg(feature = "s3")]
#[wasm_bindgen]
pub fn payloads_are_cut_and_joined() -> Tested {
    let payload = inside(&[1, 2, 3, 4, 5]);
    for (len, front, rest) in [
        (0, &[][..], &[1, 2, 3, 4, 5][..]),
        (2, &[1, 2], &[3, 4, 5]),
        (5, &[1, 2, 3, 4, 5], &[]),
        (6, &[1, 2, 3, 4, 5], &[]),
        (usize::MAX, &[1, 2, 3, 4, 5], &[]),
    ] {
        same!((len, &*start(&payload, len)), (len, front));
        same!((len, after(&payload, len).as_js().to_vec()), (len, rest.to_vec()));
        let joined = joined(front, &after(&payload, len));
        check!(joined == payload);
    }
    check!(joined(&[9, 8], &Payload::default()) == Payload::from(vec![9, 8]));
    check!(joined(&[], &Payload::default()).is_empty());
    Ok(())
}

fn plain_sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    hasher.finish().0
}

#[wasm_bindgen]
pub async fn hashes_are_the_same_whoever_makes_them() -> Tested {
    let min = streams::DIGEST_BYTES_MIN;
    for len in [0, 1, 64, min - 1, min, min + 1, CHUNK_BYTES as usize + 1, 300_000] {
        let bytes = noise(len);
        for payload in [Payload::from(bytes.clone()), inside(&bytes)] {
            let by_runtime = streams::sha256(&payload).await;
            same!((len, by_runtime.is_some()), (len, len >= min));
            same!((len, sha256(&payload).await), (len, plain_sha256(&bytes)));
        }
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn hashes_need_no_runtime() -> Tested {
    let bytes = noise(100_000);
    for refusal in ["() => { throw new Error('no') }", "() => Promise.reject(5)", "undefined"] {
        js(&format!(
            "Object.defineProperty(crypto.subtle, 'digest', {{ value: {refusal}, configurable: true }})"
        ))?;
        let made = sha256(&Payload::from(bytes.clone())).await;
        js("delete crypto.subtle.digest")?;
        same!((refusal, made), (refusal, plain_sha256(&bytes)));
    }
    Ok(())
}
