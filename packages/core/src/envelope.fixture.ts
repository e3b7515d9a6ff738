/** Envelopes as AWS documents them; each function gives one around what is to arrive. */

/** https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html */
export const snsNotification = (Message: string, differing: object = {}) => ({
  Type: "Notification",
  MessageId: "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
  TopicArn: "arn:aws:sns:us-west-2:123456789012:MyTopic",
  Subject: "Testing publish to subscribed queues",
  Message,
  Timestamp: "2012-03-29T05:12:16.901Z",
  SignatureVersion: "1",
  Signature: "EXAMPLEnTrFPa37tnVO0FF9Iau3MGzjlJLRfySEoWz4uZHSj6ycK4ph71Zmdv0NtJ4dC",
  SigningCertURL: "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
  UnsubscribeURL:
    "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-west-2:123456789012:MyTopic:c7fe3a54-ab0e-4ec2-88e0-db410a0f2bee",
  ...differing,
});

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html */
export const event = (detail: unknown, differing: object = {}) => ({
  version: "0",
  id: "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
  "detail-type": "EC2 Instance State-change Notification",
  source: "aws.ec2",
  account: "111122223333",
  time: "2017-12-22T18:43:48Z",
  region: "us-west-1",
  resources: ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
  detail,
  ...differing,
});

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
export const s3Record = (key: string, differing: object = {}) => ({
  eventVersion: "2.1",
  eventSource: "aws:s3",
  awsRegion: "us-west-2",
  eventTime: "1970-01-01T00:00:00.000Z",
  eventName: "ObjectCreated:Put",
  userIdentity: { principalId: "AIDAJDPLRKLG7UEXAMPLE" },
  requestParameters: { sourceIPAddress: "172.16.0.1" },
  responseElements: {
    "x-amz-request-id": "C3D13FE58DE4C810",
    "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD",
  },
  s3: {
    s3SchemaVersion: "1.0",
    configurationId: "testConfigRule",
    bucket: {
      name: "amzn-s3-demo-bucket",
      ownerIdentity: { principalId: "A3NL1KOZZKExample" },
      arn: "arn:aws:s3:::amzn-s3-demo-bucket",
    },
    object: {
      key,
      size: 1024,
      eTag: "d41d8cd98f00b204e9800998ecf8427e",
      versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
      sequencer: "0055AED6DCD90281E5",
      ...differing,
    },
  },
});

/** The same page: what S3 sends when a notification is set up. */
export const s3TestEvent = {
  Service: "Amazon S3",
  Event: "s3:TestEvent",
  Time: "2014-10-13T15:57:02.089Z",
  Bucket: "amzn-s3-demo-bucket",
  RequestId: "5582815E1AEA5ADF",
  HostId: "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
};

/** One record, as a pipe puts it into a queue: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html */
export const kinesisRecord = (data: string, differing: object = {}) => ({
  kinesisSchemaVersion: "1.0",
  partitionKey: "1",
  sequenceNumber: "49590338271490256608559692538361571095921575989136588898",
  data,
  approximateArrivalTimestamp: 1545084650.987,
  eventSource: "aws:kinesis",
  eventVersion: "1.0",
  eventID: "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
  eventName: "aws:kinesis:record",
  invokeIdentityArn: "arn:aws:iam::123456789012:role/lambda-role",
  awsRegion: "us-east-2",
  eventSourceARN: "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
  ...differing,
});
