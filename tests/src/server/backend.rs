//! The S3 operations over the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::faults::Faults;
use super::fields::{
    Heeded, asked_checksum, check_copied, collect, content_type, copied, copied_bytes, length,
    sent_metadata, slice, user_metadata, write_conditions,
};
use super::listing;
use super::multipart::Upload;
use super::store::{Conditions, Object, Store};

const DELETE_KEYS_MAX: usize = 1_000;
const LIST_PARTS_MAX: i32 = 1_000;

pub(super) struct Backend {
    pub(super) store: Arc<Store>,
    pub(super) faults: Arc<Faults>,
    pub(super) region: String,
    pub(super) part_bytes_min: u64,
    pub(super) copied_bytes_max: u64,
    pub(super) heeded: Heeded,
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait]
impl S3 for Backend {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let input = req.input;
        let body = collect(input.body).await?;
        let mut object = Object::new(body).written(self.faults.now());
        object.metadata = user_metadata(input.metadata)?;
        object.content_type = input.content_type;
        object.content_encoding = input.content_encoding;
        object.cache_control = input.cache_control;
        object.checksum_sha256 = input.checksum_sha256;
        let conditions = write_conditions(self.heeded, input.if_match, input.if_none_match);
        let e_tag = Some(object.tag());
        let mut buckets = self.store.lock();
        let bucket = buckets.bucket(&input.bucket)?;
        conditions.allow_write(bucket.objects.get(&input.key))?;
        bucket.objects.insert(input.key, object);
        Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = req.input;
        let conditions = Conditions {
            matches: input.if_match,
            matches_none: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        let object = self.store.lock().object(&input.bucket, &input.key)?.clone();
        conditions.allow_read(&object)?;
        let (body, content_range) = slice(&object, input.range)?;
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            checksum_sha256: asked_checksum(input.checksum_mode.as_ref(), &object),
            content_length: length(&body),
            body: Some(StreamingBlob::from(s3s::Body::from(body))),
            content_range,
            cache_control: object.cache_control.clone(),
            content_encoding: object.content_encoding.clone(),
            content_type: Some(content_type(&object)),
            e_tag: Some(object.tag()),
            last_modified: Some(object.modified()),
            metadata: sent_metadata(&object),
            ..Default::default()
        }))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = req.input;
        let conditions = Conditions {
            matches: input.if_match,
            matches_none: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        let object = self.store.lock().object(&input.bucket, &input.key)?.clone();
        conditions.allow_read(&object)?;
        let (body, content_range) = slice(&object, input.range)?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            checksum_sha256: asked_checksum(input.checksum_mode.as_ref(), &object),
            content_length: length(&body),
            content_range,
            cache_control: object.cache_control.clone(),
            content_encoding: object.content_encoding.clone(),
            content_type: Some(content_type(&object)),
            e_tag: Some(object.tag()),
            last_modified: Some(object.modified()),
            metadata: sent_metadata(&object),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let input = req.input;
        let mut buckets = self.store.lock();
        let bucket = buckets.bucket(&input.bucket)?;
        let conditions = Conditions { matches: input.if_match, ..Conditions::default() };
        conditions.allow_write(bucket.objects.get(&input.key))?;
        bucket.objects.remove(&input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        let Delete { objects, quiet } = req.input.delete;
        if objects.is_empty() || objects.len() > DELETE_KEYS_MAX {
            return Err(s3_error!(MalformedXML, "DeleteObjects takes 1 to 1000 keys"));
        }
        let mut buckets = self.store.lock();
        let bucket = buckets.bucket(&req.input.bucket)?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for named in objects {
            let stale = named.e_tag.as_ref().is_some_and(|etag| {
                bucket.objects.get(&named.key).is_some_and(|object| !etag.weak_cmp(&object.tag()))
            });
            let code = match self.faults.take_key_failure(&named.key) {
                Some(code) => Some(code),
                None => stale.then(|| "PreconditionFailed".to_owned()),
            };
            if let Some(code) = code {
                errors.push(Error {
                    message: Some(format!("{code} on this key")),
                    code: Some(code),
                    key: Some(named.key),
                    version_id: None,
                });
            } else {
                bucket.objects.remove(&named.key);
                deleted.push(DeletedObject { key: Some(named.key), ..Default::default() });
            }
        }
        if quiet == Some(true) {
            deleted.clear();
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..Default::default()
        }))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let input = req.input;
        let directive = input.metadata_directive.as_ref().map(MetadataDirective::as_str);
        let replace = directive == Some(MetadataDirective::REPLACE);
        let is_itself = matches!(
            &input.copy_source,
            CopySource::Bucket { bucket, key, .. } if **bucket == *input.bucket && **key == *input.key
        );
        if !replace && is_itself {
            return Err(s3_error!(InvalidRequest, "a copy onto itself must change something"));
        }
        let conditions = Conditions {
            matches: input.copy_source_if_match,
            matches_none: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        };
        let mut buckets = self.store.lock();
        let mut object = copied(&mut buckets, &input.copy_source, &conditions)?;
        check_copied(&object.body, self.copied_bytes_max)?;
        if replace {
            object.metadata = user_metadata(input.metadata)?;
            object.content_type = input.content_type;
            object.content_encoding = input.content_encoding;
            object.cache_control = input.cache_control;
        }
        let object = object.copied().written(self.faults.now());
        let result = CopyObjectResult {
            e_tag: Some(object.tag()),
            last_modified: Some(object.modified()),
            ..Default::default()
        };
        buckets.bucket(&input.bucket)?.objects.insert(input.key, object);
        let copy_object_result = Some(result);
        Ok(S3Response::new(CopyObjectOutput { copy_object_result, ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        let mut buckets = self.store.lock();
        let bucket = buckets.bucket(&req.input.bucket)?;
        listing::list(&bucket.objects, req.input).map(S3Response::new)
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let input = req.input;
        let mut object = Object::new(Bytes::new());
        object.metadata = user_metadata(input.metadata)?;
        object.content_type = input.content_type;
        object.content_encoding = input.content_encoding;
        object.cache_control = input.cache_control;
        let upload_id = self.faults.next_upload_id();
        let upload = Upload::new(input.key.clone(), object);
        let mut buckets = self.store.lock();
        buckets.bucket(&input.bucket)?.uploads.insert(upload_id.clone(), upload);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let input = req.input;
        let body = collect(input.body).await?;
        let mut buckets = self.store.lock();
        let uploads = &mut buckets.bucket(&input.bucket)?.uploads;
        let upload = find_upload(uploads, &input.upload_id, &input.key)?;
        let e_tag = Some(upload.put(input.part_number, body, self.faults.now())?);
        Ok(S3Response::new(UploadPartOutput { e_tag, ..Default::default() }))
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        let input = req.input;
        let conditions = Conditions {
            matches: input.copy_source_if_match,
            matches_none: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        };
        let mut buckets = self.store.lock();
        let object = copied(&mut buckets, &input.copy_source, &conditions)?;
        let body = copied_bytes(&object, input.copy_source_range.as_deref())?;
        check_copied(&body, self.copied_bytes_max)?;
        let uploads = &mut buckets.bucket(&input.bucket)?.uploads;
        let upload = find_upload(uploads, &input.upload_id, &input.key)?;
        let now = self.faults.now();
        let e_tag = Some(upload.put(input.part_number, body, now)?);
        let last_modified = Some(now.into());
        let copy_part_result = Some(CopyPartResult { e_tag, last_modified, ..Default::default() });
        Ok(S3Response::new(UploadPartCopyOutput { copy_part_result, ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let input = req.input;
        let parts = input.multipart_upload.and_then(|named| named.parts).unwrap_or_default();
        let mut buckets = self.store.lock();
        let bucket = buckets.bucket(&input.bucket)?;
        let upload = find_upload(&mut bucket.uploads, &input.upload_id, &input.key)?;
        let object = upload.assemble(&parts, self.part_bytes_min)?.written(self.faults.now());
        let conditions = write_conditions(self.heeded, input.if_match, input.if_none_match);
        conditions.allow_write(bucket.objects.get(&input.key))?;
        let e_tag = Some(object.tag());
        bucket.uploads.remove(&input.upload_id);
        bucket.objects.insert(input.key.clone(), object);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag,
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let input = req.input;
        let mut buckets = self.store.lock();
        let uploads = &mut buckets.bucket(&input.bucket)?.uploads;
        find_upload(uploads, &input.upload_id, &input.key)?;
        uploads.remove(&input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let input = req.input;
        let limit = input.max_parts.unwrap_or(LIST_PARTS_MAX).clamp(0, LIST_PARTS_MAX);
        let after = input.part_number_marker.unwrap_or_default();
        let mut buckets = self.store.lock();
        let uploads = &mut buckets.bucket(&input.bucket)?.uploads;
        let upload = find_upload(uploads, &input.upload_id, &input.key)?;
        let mut parts: Vec<Part> = upload.parts_after(after).take(limit as usize + 1).collect();
        let is_truncated = parts.len() > limit as usize;
        parts.truncate(limit as usize);
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(is_truncated),
            max_parts: Some(limit),
            part_number_marker: Some(after),
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            parts: Some(parts),
            ..Default::default()
        }))
    }

    async fn list_buckets(&self, _req: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let bucket = |name| Bucket {
            name: Some(name),
            bucket_region: Some(self.region.clone()),
            creation_date: Some(Timestamp::default()),
        };
        let buckets = Some(self.store.lock().names().into_iter().map(bucket).collect());
        Ok(S3Response::new(ListBucketsOutput { buckets, ..Default::default() }))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        self.store.lock().create(&req.input.bucket)?;
        let location = Some(format!("/{}", req.input.bucket));
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.store.lock().bucket(&req.input.bucket)?;
        let bucket_region = Some(self.region.clone());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..Default::default() }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        self.store.lock().bucket(&req.input.bucket)?;
        // The oldest region has no name here.
        let named = (self.region != "us-east-1").then(|| self.region.clone());
        let location_constraint = named.map(BucketLocationConstraint::from);
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
    }
}

fn find_upload<'a>(
    uploads: &'a mut BTreeMap<String, Upload>,
    id: &str,
    key: &str,
) -> S3Result<&'a mut Upload> {
    let found = uploads.get_mut(id).filter(|upload| upload.key == key);
    found.ok_or_else(|| s3_error!(NoSuchUpload, "The specified upload does not exist"))
}
