"""Does what it is told with boto3, and prints what came of it, as a JSON array.

Words: endpoint, bucket, region, and a JSON array of orders, each one of

    {"put": KEY, "body": TEXT, "headers": {...}}   gives the ETag
    {"get": KEY}                                   gives body, type, fields, length and ETag
    {"list": PREFIX}                               gives the keys
    {"delete": [KEY, ...]}                         gives the number of keys that were deleted

The headers of a put are arguments of boto3's `put_object`. Bodies are text in Latin-1.
"""

import json
import sys

import boto3
from botocore.config import Config


def main(endpoint, bucket, region, orders):
    config = Config(region_name=region, s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    client = boto3.client("s3", endpoint_url=endpoint, config=config)
    print(json.dumps([run(client, bucket, order) for order in json.loads(orders)]))


def run(client, bucket, order):
    match order:
        case {"put": key, "body": body, "headers": headers}:
            return client.put_object(Bucket=bucket, Key=key, Body=body.encode("latin-1"), **headers)["ETag"]
        case {"get": key}:
            found = client.get_object(Bucket=bucket, Key=key)
            return {
                "body": found["Body"].read().decode("latin-1"),
                "type": found["ContentType"],
                "fields": {name.lower(): value for name, value in found["Metadata"].items()},
                "length": found["ContentLength"],
                "etag": found["ETag"],
            }
        case {"list": prefix}:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [found["Key"] for page in pages for found in page.get("Contents", [])]
        case {"delete": keys}:
            objects = [{"Key": key} for key in keys]
            return len(client.delete_objects(Bucket=bucket, Delete={"Objects": objects})["Deleted"])
    raise ValueError(f"no order: {order}")


main(*sys.argv[1:])
