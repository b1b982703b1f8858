# Every resource and data source of API Gateway (V1) that the AWS provider has, each with what it can say.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true
  endpoints {
    apigateway = var.endpoint
    sts        = var.endpoint
  }
  default_tags {
    tags = { owner = "scenarios" }
  }
}

variable "endpoint" {
  type = string
}

variable "backend" {
  type = string
}

# What changes in place from one apply to the next.
variable "title" {
  default = "first"
}

variable "rate" {
  default = 100
}

locals {
  role     = "arn:aws:iam::000000000000:role/gateway"
  function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:authorize/invocations"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = local.role
}

resource "aws_api_gateway_client_certificate" "this" {
  description = var.title
}

resource "aws_api_gateway_vpc_link" "this" {
  name        = "inside-${var.title}"
  description = var.title
  target_arns = ["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/inside/0123456789abcdef"]
}

resource "aws_api_gateway_rest_api" "pets" {
  name                     = "pets"
  description              = var.title
  api_key_source           = "HEADER"
  binary_media_types       = ["image/png", "application/octet-stream"]
  minimum_compression_size = 1024
  endpoint_configuration {
    types = ["REGIONAL"]
  }
  tags = { title = var.title }
}

resource "aws_api_gateway_rest_api_policy" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "execute-api:Invoke"
      Resource  = "arn:aws:execute-api:us-east-1:000000000000:${aws_api_gateway_rest_api.pets.id}/*"
      Condition = { IpAddress = { "aws:SourceIp" = ["127.0.0.0/8", "::1/128"] } }
    }]
  })
}

resource "aws_api_gateway_authorizer" "token" {
  rest_api_id                      = aws_api_gateway_rest_api.pets.id
  name                             = "token-${var.title}"
  authorizer_uri                   = local.function
  authorizer_credentials           = local.role
  identity_source                  = "method.request.header.X-Token"
  identity_validation_expression   = "^[a-z]+$"
  authorizer_result_ttl_in_seconds = 60
}

resource "aws_api_gateway_authorizer" "request" {
  rest_api_id     = aws_api_gateway_rest_api.pets.id
  name            = "request"
  type            = "REQUEST"
  authorizer_uri  = local.function
  identity_source = "method.request.header.Authorization,method.request.querystring.k"
}

resource "aws_api_gateway_authorizer" "pool" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  name          = "pool"
  type          = "COGNITO_USER_POOLS"
  provider_arns = ["arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abcdefghi"]
}

resource "aws_api_gateway_request_validator" "all" {
  rest_api_id                 = aws_api_gateway_rest_api.pets.id
  name                        = "all-${var.title}"
  validate_request_body       = true
  validate_request_parameters = true
}

resource "aws_api_gateway_model" "pet" {
  rest_api_id  = aws_api_gateway_rest_api.pets.id
  name         = "Pet"
  description  = var.title
  content_type = "application/json"
  schema = jsonencode({
    "$schema"  = "http://json-schema.org/draft-04/schema#"
    type       = "object"
    required   = ["name"]
    properties = { name = { type = "string" }, title = { type = "string", default = var.title } }
  })
}

resource "aws_api_gateway_gateway_response" "unauthorized" {
  rest_api_id         = aws_api_gateway_rest_api.pets.id
  response_type       = "UNAUTHORIZED"
  status_code         = "401"
  response_templates  = { "application/json" = "{\"title\":\"${var.title}\",\"message\":$context.error.messageString}" }
  response_parameters = { "gatewayresponse.header.WWW-Authenticate" = "'Bearer'" }
}

resource "aws_api_gateway_gateway_response" "default" {
  rest_api_id         = aws_api_gateway_rest_api.pets.id
  response_type       = "DEFAULT_5XX"
  response_templates  = { "application/json" = "{\"message\":$context.error.messageString}" }
  response_parameters = { "gatewayresponse.header.Access-Control-Allow-Origin" = "'*'" }
}

resource "aws_api_gateway_resource" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "pets"
}

resource "aws_api_gateway_resource" "pet" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_resource.pets.id
  path_part   = "{petId}"
}

resource "aws_api_gateway_resource" "secret" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "secret"
}

resource "aws_api_gateway_method" "get" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.pet.id
  http_method          = "GET"
  authorization        = "NONE"
  operation_name       = "getPet"
  request_validator_id = aws_api_gateway_request_validator.all.id
  request_parameters = {
    "method.request.path.petId"         = true
    "method.request.querystring.colour" = false
  }
}

resource "aws_api_gateway_integration" "get" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pet.id
  http_method             = aws_api_gateway_method.get.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "GET"
  uri                     = "http://${var.backend}/{petId}?title=${var.title}"
  timeout_milliseconds    = var.title == "first" ? 5000 : 6000
  cache_key_parameters    = ["method.request.path.petId"]
  cache_namespace         = "pets"
  request_parameters = {
    "integration.request.path.petId" = "method.request.path.petId"
  }
  tls_config {
    insecure_skip_verification = true
  }
}

resource "aws_api_gateway_method" "post" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.pets.id
  http_method        = "POST"
  authorization      = "CUSTOM"
  authorizer_id      = aws_api_gateway_authorizer.token.id
  api_key_required   = true
  request_models     = { "application/json" = aws_api_gateway_model.pet.name }
  request_parameters = { "method.request.header.X-Token" = true }
}

resource "aws_api_gateway_integration" "post" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.pets.id
  http_method          = aws_api_gateway_method.post.http_method
  type                 = "MOCK"
  passthrough_behavior = "WHEN_NO_TEMPLATES"
  content_handling     = "CONVERT_TO_TEXT"
  request_templates = {
    "application/json" = "{\"statusCode\": 201}"
    "application/xml"  = ""
  }
}

resource "aws_api_gateway_method_response" "post" {
  rest_api_id         = aws_api_gateway_rest_api.pets.id
  resource_id         = aws_api_gateway_resource.pets.id
  http_method         = aws_api_gateway_method.post.http_method
  status_code         = "201"
  response_models     = { "application/json" = "Empty" }
  response_parameters = { "method.response.header.Location" = true }
}

resource "aws_api_gateway_integration_response" "post" {
  rest_api_id         = aws_api_gateway_rest_api.pets.id
  resource_id         = aws_api_gateway_resource.pets.id
  http_method         = aws_api_gateway_method.post.http_method
  status_code         = aws_api_gateway_method_response.post.status_code
  selection_pattern   = "201"
  response_parameters = { "method.response.header.Location" = "'/pets/${var.title}'" }
  response_templates  = { "application/json" = "{}" }
  depends_on          = [aws_api_gateway_integration.post]
}

resource "aws_api_gateway_method" "pool" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.secret.id
  http_method          = "ANY"
  authorization        = "COGNITO_USER_POOLS"
  authorizer_id        = aws_api_gateway_authorizer.pool.id
  authorization_scopes = ["pets/read", "pets/write"]
}

resource "aws_api_gateway_integration" "pool" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.secret.id
  http_method             = aws_api_gateway_method.pool.http_method
  type                    = "HTTP"
  integration_http_method = "POST"
  uri                     = "http://${var.backend}/inside"
  connection_type         = "VPC_LINK"
  connection_id           = aws_api_gateway_vpc_link.this.id
}

resource "aws_api_gateway_method" "signed" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_rest_api.pets.root_resource_id
  http_method   = "DELETE"
  authorization = "AWS_IAM"
}

resource "aws_api_gateway_integration" "signed" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_rest_api.pets.root_resource_id
  http_method             = aws_api_gateway_method.signed.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = local.function
  credentials             = local.role
}

resource "aws_api_gateway_documentation_part" "method" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  properties  = jsonencode({ description = "Gets a pet, ${var.title}" })
  location {
    type   = "METHOD"
    path   = "/pets/{petId}"
    method = "GET"
  }
}

resource "aws_api_gateway_documentation_part" "parameter" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  properties  = jsonencode({ description = "Which pet" })
  location {
    type = "PATH_PARAMETER"
    path = "/pets/{petId}"
    name = "petId"
  }
}

resource "aws_api_gateway_documentation_version" "first" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  version     = "first"
  description = var.title
  depends_on  = [aws_api_gateway_documentation_part.method, aws_api_gateway_documentation_part.parameter]
}

resource "aws_api_gateway_deployment" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  description = "the deployment"
  triggers    = { title = var.title }
  lifecycle {
    create_before_destroy = true
  }
  depends_on = [
    aws_api_gateway_integration.get,
    aws_api_gateway_integration_response.post,
    aws_api_gateway_integration.pool,
    aws_api_gateway_integration.signed,
    aws_api_gateway_gateway_response.default,
  ]
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id           = aws_api_gateway_rest_api.pets.id
  deployment_id         = aws_api_gateway_deployment.pets.id
  stage_name            = "prod"
  description           = var.title
  cache_cluster_enabled = true
  cache_cluster_size    = "0.5"
  client_certificate_id = aws_api_gateway_client_certificate.this.id
  documentation_version = aws_api_gateway_documentation_version.first.version
  variables             = { shelf = var.title }
  xray_tracing_enabled  = true
  access_log_settings {
    destination_arn = "arn:aws:logs:us-east-1:000000000000:log-group:pets"
    format          = "$context.requestId ${var.title}"
  }
  canary_settings {
    deployment_id            = aws_api_gateway_deployment.pets.id
    percent_traffic          = 10
    stage_variable_overrides = { shelf = "canary" }
    use_stage_cache          = true
  }
  tags       = { title = var.title }
  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "*/*"
  settings {
    metrics_enabled        = true
    logging_level          = "ERROR"
    throttling_rate_limit  = var.rate
    throttling_burst_limit = 50
  }
}

resource "aws_api_gateway_method_settings" "post" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "${trimprefix(aws_api_gateway_resource.pets.path, "/")}/${aws_api_gateway_method.post.http_method}"
  settings {
    caching_enabled                            = true
    cache_ttl_in_seconds                       = 60
    cache_data_encrypted                       = true
    require_authorization_for_cache_control    = true
    unauthorized_cache_control_header_strategy = "FAIL_WITH_403"
  }
}

resource "aws_api_gateway_api_key" "partner" {
  name        = "partner"
  description = var.title
  customer_id = "c-1"
  value       = "a-value-of-the-scenarios-0123456789"
  enabled     = true
  tags        = { title = var.title }
}

resource "aws_api_gateway_api_key" "generated" {
  name = "generated"
}

resource "aws_api_gateway_usage_plan" "gold" {
  name         = "gold"
  description  = var.title
  product_code = "PRODUCT"
  api_stages {
    api_id = aws_api_gateway_rest_api.pets.id
    stage  = aws_api_gateway_stage.prod.stage_name
    throttle {
      path        = "/pets/POST"
      rate_limit  = var.rate
      burst_limit = 5
    }
  }
  quota_settings {
    limit  = 1000
    offset = 2
    period = "WEEK"
  }
  throttle_settings {
    burst_limit = 20
    rate_limit  = var.rate
  }
}

resource "aws_api_gateway_usage_plan_key" "partner" {
  key_id        = aws_api_gateway_api_key.partner.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.gold.id
}

resource "aws_api_gateway_domain_name" "regional" {
  domain_name              = "pets.example.com"
  regional_certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
  security_policy          = "TLS_1_2"
  endpoint_configuration {
    types = ["REGIONAL"]
  }
  mutual_tls_authentication {
    truststore_uri = "s3://trust/store.pem"
  }
}

resource "aws_api_gateway_domain_name" "edge" {
  domain_name     = "edge.example.com"
  certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
}

resource "aws_api_gateway_domain_name" "private" {
  domain_name     = "private.example.com"
  certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
  endpoint_configuration {
    types = ["PRIVATE"]
  }
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "execute-api:Invoke", Resource = ["execute-api:/*"] }]
  })
}

resource "aws_api_gateway_domain_name_access_association" "private" {
  access_association_source      = "vpce-0123456789abcdef0"
  access_association_source_type = "VPCE"
  domain_name_arn                = aws_api_gateway_domain_name.private.arn
}

resource "aws_api_gateway_base_path_mapping" "root" {
  api_id      = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  domain_name = aws_api_gateway_domain_name.regional.domain_name
}

resource "aws_api_gateway_base_path_mapping" "v1" {
  api_id      = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  domain_name = aws_api_gateway_domain_name.regional.domain_name
  base_path   = "v1-${var.title}"
}

# The same in OpenAPI: an API from a document, and one whose document is put apart.

locals {
  document = {
    openapi = "3.0.1"
    info    = { title = "documented", version = var.title }
    paths = {
      "/pets/{petId}" = {
        get = {
          parameters = [{ name = "petId", in = "path", required = true, schema = { type = "string" } }]
          responses  = { "200" = { description = "A pet", content = { "application/json" = { schema = { "$ref" = "#/components/schemas/Pet" } } } } }
          "x-amazon-apigateway-integration" = {
            type              = "http_proxy"
            httpMethod        = "GET"
            uri               = "http://${var.backend}/{petId}"
            requestParameters = { "integration.request.path.petId" = "method.request.path.petId" }
          }
        }
      }
    }
    components = { schemas = { Pet = { type = "object", properties = { name = { type = "string" } } } } }
  }
}

resource "aws_api_gateway_rest_api" "documented" {
  name        = "documented"
  description = var.title
  body        = jsonencode(local.document)
  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_rest_api" "put" {
  name = "put"
  lifecycle {
    ignore_changes = [description, policy, binary_media_types, minimum_compression_size, api_key_source]
  }
}

resource "aws_api_gateway_rest_api_put" "put" {
  rest_api_id = aws_api_gateway_rest_api.put.id
  body        = jsonencode(merge(local.document, { info = { title = "put", version = var.title } }))
  triggers    = { title = var.title }
  # The provider knows no value of its own for this one, and fails without.
  fail_on_warnings = false
}

resource "aws_api_gateway_deployment" "documented" {
  rest_api_id = aws_api_gateway_rest_api.documented.id
  triggers    = { body = sha1(aws_api_gateway_rest_api.documented.body) }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "documented" {
  rest_api_id   = aws_api_gateway_rest_api.documented.id
  deployment_id = aws_api_gateway_deployment.documented.id
  stage_name    = "live"
}

data "aws_api_gateway_rest_api" "pets" {
  name       = "pets"
  depends_on = [aws_api_gateway_rest_api.pets]
}

data "aws_api_gateway_resource" "pet" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  path        = "/pets/{petId}"
  depends_on  = [aws_api_gateway_resource.pet]
}

data "aws_api_gateway_api_key" "partner" {
  id = aws_api_gateway_api_key.partner.id
}

data "aws_api_gateway_api_keys" "all" {
  include_values = true
  depends_on     = [aws_api_gateway_api_key.partner, aws_api_gateway_api_key.generated]
}

data "aws_api_gateway_authorizers" "all" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  depends_on  = [aws_api_gateway_authorizer.pool, aws_api_gateway_authorizer.token, aws_api_gateway_authorizer.request]
}

data "aws_api_gateway_authorizer" "token" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  authorizer_id = aws_api_gateway_authorizer.token.id
}

data "aws_api_gateway_domain_name" "regional" {
  domain_name = aws_api_gateway_domain_name.regional.domain_name
}

data "aws_api_gateway_vpc_link" "this" {
  name = aws_api_gateway_vpc_link.this.name
}

data "aws_api_gateway_export" "documented" {
  rest_api_id = aws_api_gateway_stage.documented.rest_api_id
  stage_name  = aws_api_gateway_stage.documented.stage_name
  export_type = "oas30"
}

data "aws_api_gateway_sdk" "documented" {
  rest_api_id = aws_api_gateway_stage.documented.rest_api_id
  stage_name  = aws_api_gateway_stage.documented.stage_name
  sdk_type    = "javascript"
}

output "api" {
  value = aws_api_gateway_rest_api.pets.id
}

output "documented" {
  value = aws_api_gateway_rest_api.documented.id
}

output "read" {
  value = {
    api         = data.aws_api_gateway_rest_api.pets.id
    resource    = data.aws_api_gateway_resource.pet.id
    key         = data.aws_api_gateway_api_key.partner.name
    keys        = length(data.aws_api_gateway_api_keys.all.items)
    authorizers = length(data.aws_api_gateway_authorizers.all.ids)
    authorizer  = data.aws_api_gateway_authorizer.token.name
    domain      = data.aws_api_gateway_domain_name.regional.regional_domain_name
    link        = data.aws_api_gateway_vpc_link.this.status
    export      = data.aws_api_gateway_export.documented.content_disposition
    sdk         = data.aws_api_gateway_sdk.documented.content_type
  }
  sensitive = true
}
