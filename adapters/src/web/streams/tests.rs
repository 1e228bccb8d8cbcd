use tiered_storage_core::codec;
use wasm_bindgen::{JsError, prelude::wasm_bindgen};

use super::*;
use crate::web::testing::{Tested, check, failure, inside, js, noise, same};

/// Compressible, and longer than one chunk of any runtime.
fn prose() -> Vec<u8> {
    let word = |byte: &u8| format!("{} of {} ", byte % 7, byte % 13);
    noise(30_000).iter().map(word).collect::<String>().into_bytes()
}

async fn packed(bytes: &[u8]) -> Result<Payload, JsError> {
    Ok(gzip(inside(bytes)).await?)
}

/// Which kind of error comes of unpacking these bytes to `size_bytes` of them.
async fn refused(bytes: &[u8], size_bytes: u64) -> Result<(ErrorKind, String), JsError> {
    let error = failure(gunzip(inside(bytes), size_bytes).await)?;
    Ok((error.kind(), error.message().to_owned()))
}

#[wasm_bindgen]
pub async fn gzip_of_the_runtime_means_the_same_as_that_of_core() -> Tested {
    for plain in [Vec::new(), b"a".to_vec(), noise(5_000), vec![7; 300_000], prose()] {
        let len = plain.len();
        let by_runtime = packed(&plain).await?;
        same!(
            (len, codec::decompress(&by_runtime.as_js().to_vec(), len as u64)? == plain),
            (len, true)
        );
        let by_core = codec::compress(&plain);
        check!(gunzip(inside(&by_core), len as u64).await?.as_js().to_vec() == plain);
        check!(gunzip(by_runtime, len as u64).await?.as_js().to_vec() == plain);
    }
    check!(packed(&prose()).await?.len() < prose().len() / 3);
    Ok(())
}

#[wasm_bindgen]
pub async fn gzip_that_holds_more_than_was_written_is_given_up() -> Tested {
    let bomb = codec::compress(&vec![0; 4_000_000]);
    check!(bomb.len() < 10_000);
    for size_bytes in [0, 1_000, 3_999_999] {
        let (kind, message) = refused(&bomb, size_bytes).await?;
        same!((size_bytes, kind), (size_bytes, ErrorKind::Corrupt));
        check!(message.contains("more than was written"));
    }
    same!(gunzip(inside(&bomb), 4_000_000).await?.len(), 4_000_000);
    Ok(())
}

#[wasm_bindgen]
pub async fn gzip_that_was_cut_is_corrupt() -> Tested {
    let plain = prose();
    let whole = packed(&plain).await?.as_js().to_vec();
    for len in [0, 1, 9, 10, 11, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 1]
    {
        let (kind, message) = refused(&whole[..len], plain.len() as u64).await?;
        same!(
            (len, kind, message.as_str()),
            (len, ErrorKind::Corrupt, "the stored body is not the gzip that was written")
        );
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn what_is_not_gzip_is_corrupt() -> Tested {
    let plain = prose();
    same!(refused(&plain, plain.len() as u64).await?.0, ErrorKind::Corrupt);
    same!(refused(&[0x1f, 0x8b], 5).await?.0, ErrorKind::Corrupt);
    let whole = packed(&plain).await?.as_js().to_vec();
    // The header, the body, the checksum and the length.
    for at in [0, 1, 2, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        let opened = gunzip(inside(&changed), plain.len() as u64).await;
        same!((at, failure(opened)?.kind()), (at, ErrorKind::Corrupt));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn bytes_behind_gzip_are_never_taken_for_its_own() -> Tested {
    let plain = prose();
    let whole = packed(&plain).await?.as_js().to_vec();
    for rest in [&[0][..], b"more", &whole] {
        // Some runtimes pass over what follows and some refuse it.
        let opened = gunzip(inside(&[&whole, rest].concat()), plain.len() as u64).await;
        check!(opened.is_err() || opened.is_ok_and(|opened| opened.as_js().to_vec() == plain));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn without_streams_nothing_is_packed_and_unpacking_says_why() -> Tested {
    let kept = js("[CompressionStream, DecompressionStream]")?;
    js("delete globalThis.CompressionStream && delete globalThis.DecompressionStream")?;
    let made = gzip(inside(b"text")).await;
    let opened = gunzip(inside(&codec::compress(b"text")), 4).await;
    let give = js(
        "(([pack, unpack]) => Object.assign(globalThis, { CompressionStream: pack, DecompressionStream: unpack }))",
    )?;
    let give: js_sys::Function = give.unchecked_into();
    give.call1(&JsValue::UNDEFINED, &kept).map_err(crate::web::testing::thrown)?;
    same!(failure(made)?.kind(), ErrorKind::Unavailable);
    same!(failure(opened)?.kind(), ErrorKind::Unavailable);
    Ok(())
}

/// These pieces, of which the last fails where that is asked for.
fn given(bytes: &[u8], len: usize, end: Option<ErrorKind>) -> Pieces {
    let pieces = bytes.chunks(len).map(|piece| Ok(inside(piece)));
    let end = end.map(|kind| Err(Error::new(kind, "the body broke off")));
    Box::pin(stream::iter(pieces.chain(end).collect::<Vec<_>>()))
}

async fn all(pieces: Pieces) -> Result<Vec<u8>, Error> {
    Ok(Body::Pieces(pieces).whole().await?.as_js().to_vec())
}

#[wasm_bindgen]
pub async fn pieces_are_packed_and_unpacked_however_they_are_cut() -> Tested {
    for plain in [Vec::new(), noise(5_000), prose()] {
        for len in [1_000, 70_000] {
            let made = all(super::packed(given(&plain, len, None))).await?;
            check!(codec::decompress(&made, plain.len() as u64)? == plain);
            check!(all(unpacked(given(&made, len, None), plain.len() as u64)).await? == plain);
        }
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn pieces_that_are_not_the_gzip_that_was_written_are_corrupt() -> Tested {
    let bomb = codec::compress(&vec![0; 4_000_000]);
    let failed = failure(all(unpacked(given(&bomb, 100, None), 1_000_000)).await)?;
    same!(
        (failed.kind(), failed.message().contains("more than was written")),
        (ErrorKind::Corrupt, true)
    );
    let whole = codec::compress(&prose());
    let cut = given(&whole[..whole.len() - 5], 1_000, None);
    same!(failure(all(unpacked(cut, prose().len() as u64)).await)?.kind(), ErrorKind::Corrupt);
    Ok(())
}

#[wasm_bindgen]
pub async fn pieces_that_break_off_fail_as_they_did() -> Tested {
    let broken = || given(&prose(), 10_000, Some(ErrorKind::Denied));
    for passed in [
        super::packed(broken()),
        unpacked(given(&codec::compress(&prose()), 999, Some(ErrorKind::Denied)), 1 << 30),
    ] {
        same!(failure(all(passed).await)?.kind(), ErrorKind::Denied);
    }
    Ok(())
}
