/** What claim checks need of the SDK, loaded when the first large input comes. */
export { GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
