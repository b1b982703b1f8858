//! What must be known of AWS's services: how each is named in ARNs, in signatures and in settings, and how its operations
//! are called.
//!
//! Source: the service models of AWS's SDKs. A service that is not in the table is called by its own name, as most are.

/// A service, as its calls need it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// The name that signatures are scoped to.
    pub signing: &'static str,
    /// The SDKs' id of it, as it stands in `AWS_ENDPOINT_URL_…`.
    pub id: &'static str,
    /// How an operation is named in a call.
    pub protocol: Protocol,
}

/// How an operation of a service is named in a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// By verb and path.
    Rest,
    /// By the parameter `Action`, beside the service's `Version`.
    Query(&'static str),
    /// By the header `X-Amz-Target`, with this before the operation's name; the content type says this version of JSON.
    Json(&'static str, &'static str),
}

/// `name in ARNs, signing name, SDK id, protocol`; a name with a point in it is looked up before its last part is, which has
/// a star before it where hosts of the service are another API.
const TABLE: &[(&str, &str, &str, Protocol)] = {
    use Protocol::{Json, Query, Rest};
    &[
        ("*.iot", "iotdata", "IOT_DATA_PLANE", Rest),
        ("apigateway", "apigateway", "API_GATEWAY", Rest),
        ("appsync-api", "appsync", "APPSYNC", Rest),
        ("athena", "athena", "ATHENA", Json("AmazonAthena", "1.1")),
        ("autoscaling", "autoscaling", "AUTO_SCALING", Query("2011-01-01")),
        ("bedrock-runtime", "bedrock", "BEDROCK_RUNTIME", Rest),
        ("cloudformation", "cloudformation", "CLOUDFORMATION", Query("2010-05-15")),
        ("codebuild", "codebuild", "CODEBUILD", Json("CodeBuild_20161006", "1.1")),
        ("codepipeline", "codepipeline", "CODEPIPELINE", Json("CodePipeline_20150709", "1.1")),
        ("cognito-identity", "cognito-identity", "COGNITO_IDENTITY", Json("AWSCognitoIdentityService", "1.1")),
        ("cognito-idp", "cognito-idp", "COGNITO_IDENTITY_PROVIDER", Json("AWSCognitoIdentityProviderService", "1.1")),
        ("comprehend", "comprehend", "COMPREHEND", Json("Comprehend_20171127", "1.1")),
        ("dynamodb", "dynamodb", "DYNAMODB", Json("DynamoDB_20120810", "1.0")),
        ("ec2", "ec2", "EC2", Query("2016-11-15")),
        ("ecs", "ecs", "ECS", Json("AmazonEC2ContainerServiceV20141113", "1.1")),
        ("elasticloadbalancing", "elasticloadbalancing", "ELASTIC_LOAD_BALANCING_V2", Query("2015-12-01")),
        ("email", "ses", "SES", Query("2010-12-01")),
        ("events", "events", "EVENTBRIDGE", Json("AWSEvents", "1.1")),
        ("firehose", "firehose", "FIREHOSE", Json("Firehose_20150804", "1.1")),
        ("glue", "glue", "GLUE", Json("AWSGlue", "1.1")),
        ("iam", "iam", "IAM", Query("2010-05-08")),
        ("iot", "iot", "IOT", Rest),
        ("kinesis", "kinesis", "KINESIS", Json("Kinesis_20131202", "1.1")),
        ("kms", "kms", "KMS", Json("TrentService", "1.1")),
        ("lambda", "lambda", "LAMBDA", Rest),
        ("logs", "logs", "CLOUDWATCH_LOGS", Json("Logs_20140328", "1.1")),
        ("monitoring", "monitoring", "CLOUDWATCH", Query("2010-08-01")),
        ("rds", "rds", "RDS", Query("2014-10-31")),
        ("redshift-data", "redshift-data", "REDSHIFT_DATA", Json("RedshiftData", "1.1")),
        ("rekognition", "rekognition", "REKOGNITION", Json("RekognitionService", "1.1")),
        ("route53", "route53", "ROUTE_53", Rest),
        ("runtime.sagemaker", "sagemaker", "SAGEMAKER_RUNTIME", Rest),
        ("s3", "s3", "S3", Rest),
        ("secretsmanager", "secretsmanager", "SECRETS_MANAGER", Json("secretsmanager", "1.1")),
        ("ses", "ses", "SES", Query("2010-12-01")),
        ("sns", "sns", "SNS", Query("2010-03-31")),
        ("sqs", "sqs", "SQS", Query("2012-11-05")),
        ("ssm", "ssm", "SSM", Json("AmazonSSM", "1.1")),
        ("states", "states", "SFN", Json("AWSStepFunctions", "1.0")),
        ("streams.dynamodb", "dynamodb", "DYNAMODB_STREAMS", Json("DynamoDBStreams_20120810", "1.0")),
        ("sts", "sts", "STS", Query("2011-06-15")),
        ("textract", "textract", "TEXTRACT", Json("Textract", "1.1")),
        ("transcribe", "transcribe", "TRANSCRIBE", Json("Transcribe", "1.1")),
        ("translate", "translate", "TRANSLATE", Json("AWSShineFrontendService_20170701", "1.1")),
    ]
};

/// Services that have one endpoint for a whole partition, which is in this region for signatures.
pub(super) const GLOBAL: &[(&str, &str)] =
    &[("iam", "us-east-1"), ("route53", "us-east-1"), ("cloudfront", "us-east-1"), ("organizations", "us-east-1")];

impl Service {
    /// The service that is called `name` in ARNs, perhaps with the name of a host before a point: `bucket.s3`.
    pub fn find(name: &str) -> Option<Self> {
        let find = |wanted: &str| {
            let at = TABLE.binary_search_by_key(&wanted, |row| row.0).ok()?;
            TABLE.get(at).map(|&(_, signing, id, protocol)| Self { signing, id, protocol })
        };
        let own = label(name);
        let of_host = || (own != name).then(|| find(&format!("*.{own}")))?;
        find(name).or_else(of_host).or_else(|| find(own))
    }
}

/// The part of a service's name that is its own: what is behind the last point.
pub(super) fn label(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_their_names_in_arns() {
        assert!(TABLE.is_sorted_by_key(|row| row.0), "the table is searched by halves");
        for (name, expected) in [
            ("s3", Some(("s3", "S3"))),
            ("my.bucket.s3", Some(("s3", "S3"))),
            ("states", Some(("states", "SFN"))),
            ("events", Some(("events", "EVENTBRIDGE"))),
            ("runtime.sagemaker", Some(("sagemaker", "SAGEMAKER_RUNTIME"))),
            ("runtime.lambda", Some(("lambda", "LAMBDA"))),
            ("streams.dynamodb", Some(("dynamodb", "DYNAMODB_STREAMS"))),
            ("abc123.appsync-api", Some(("appsync", "APPSYNC"))),
            ("abc-ats.iot", Some(("iotdata", "IOT_DATA_PLANE"))),
            ("iot", Some(("iot", "IOT"))),
            ("batch", None),
        ] {
            assert_eq!(Service::find(name).map(|service| (service.signing, service.id)), expected, "{name}");
        }
    }
}
