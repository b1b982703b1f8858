# Every resource for WebSocket APIs (V2) that the AWS provider has, each with what it can say.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true
  endpoints {
    apigateway   = var.endpoint
    apigatewayv2 = var.endpoint
    sts          = var.endpoint
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
  function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:authorize/invocations"
}

resource "aws_apigatewayv2_api" "chat" {
  name                         = "chat-${var.title}"
  protocol_type                = "WEBSOCKET"
  route_selection_expression   = "$request.body.action"
  description                  = var.title
  version                      = "1"
  api_key_selection_expression = "$request.header.x-api-key"
  tags                         = { title = var.title }
}

resource "aws_apigatewayv2_authorizer" "door" {
  api_id           = aws_apigatewayv2_api.chat.id
  name             = "door-${var.title}"
  authorizer_type  = "REQUEST"
  authorizer_uri   = local.function
  identity_sources = ["route.request.header.Auth", "route.request.querystring.token"]
}

resource "aws_apigatewayv2_model" "message" {
  api_id       = aws_apigatewayv2_api.chat.id
  name         = "Message"
  content_type = "application/json"
  description  = var.title
  schema       = jsonencode({ type = "object", required = ["action"] })
}

resource "aws_apigatewayv2_integration" "mock" {
  api_id                        = aws_apigatewayv2_api.chat.id
  integration_type              = "MOCK"
  template_selection_expression = "\\$default"
  request_templates             = { "$default" = jsonencode({ statusCode = 200, title = var.title }) }
  passthrough_behavior          = "WHEN_NO_TEMPLATES"
  content_handling_strategy     = "CONVERT_TO_TEXT"
  timeout_milliseconds          = 1000
  description                   = var.title
}

resource "aws_apigatewayv2_integration" "http" {
  api_id             = aws_apigatewayv2_api.chat.id
  integration_type   = "HTTP_PROXY"
  integration_method = "POST"
  integration_uri    = "http://${var.backend}/${var.title}"
  request_parameters = merge(
    { "integration.request.header.connection" = "context.connectionId" },
    var.title == "first" ? { "integration.request.header.first" = "'yes'" } : {},
  )
}

resource "aws_apigatewayv2_integration_response" "mock" {
  api_id                        = aws_apigatewayv2_api.chat.id
  integration_id                = aws_apigatewayv2_integration.mock.id
  integration_response_key      = "/200/"
  template_selection_expression = "\\$default"
  response_templates            = { "$default" = jsonencode({ title = var.title }) }
}

resource "aws_apigatewayv2_route" "connect" {
  api_id             = aws_apigatewayv2_api.chat.id
  route_key          = "$connect"
  target             = "integrations/${aws_apigatewayv2_integration.http.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.door.id
  api_key_required   = true
  operation_name     = "connect-${var.title}"

  dynamic "request_parameter" {
    for_each = var.title == "first" ? ["route.request.header.Auth", "route.request.querystring.token"] : ["route.request.header.Auth"]
    content {
      request_parameter_key = request_parameter.value
      required              = var.title != "first"
    }
  }
}

resource "aws_apigatewayv2_route" "default" {
  api_id                              = aws_apigatewayv2_api.chat.id
  route_key                           = "$default"
  target                              = "integrations/${aws_apigatewayv2_integration.mock.id}"
  route_response_selection_expression = "$default"
  model_selection_expression          = "$request.body.action"
  request_models                      = { "$default" = aws_apigatewayv2_model.message.name }
}

resource "aws_apigatewayv2_route_response" "default" {
  api_id                     = aws_apigatewayv2_api.chat.id
  route_id                   = aws_apigatewayv2_route.default.id
  route_response_key         = "$default"
  response_models            = { "$default" = aws_apigatewayv2_model.message.name }
  model_selection_expression = "action"
}

resource "aws_apigatewayv2_deployment" "chat" {
  api_id      = aws_apigatewayv2_api.chat.id
  description = var.title
  depends_on  = [aws_apigatewayv2_route.connect, aws_apigatewayv2_route.default]
}

resource "aws_apigatewayv2_stage" "live" {
  api_id          = aws_apigatewayv2_api.chat.id
  name            = "live"
  deployment_id   = aws_apigatewayv2_deployment.chat.id
  description     = var.title
  stage_variables = var.title == "first" ? { title = "first", gone = "yes" } : { title = var.title }

  default_route_settings {
    logging_level            = "INFO"
    data_trace_enabled       = true
    detailed_metrics_enabled = true
    throttling_burst_limit   = 50
    throttling_rate_limit    = var.rate
  }

  dynamic "route_settings" {
    for_each = var.title == "first" ? [aws_apigatewayv2_route.connect.route_key, aws_apigatewayv2_route.default.route_key] : [aws_apigatewayv2_route.default.route_key]
    content {
      route_key              = route_settings.value
      throttling_burst_limit = 5
      throttling_rate_limit  = var.rate
      logging_level          = "ERROR"
    }
  }

  dynamic "access_log_settings" {
    for_each = var.title == "first" ? ["$context.requestId $context.status"] : []
    content {
      destination_arn = "arn:aws:logs:us-east-1:000000000000:log-group:chat"
      format          = access_log_settings.value
    }
  }
}

resource "aws_apigatewayv2_stage" "auto" {
  api_id      = aws_apigatewayv2_api.chat.id
  name        = "auto"
  auto_deploy = true
}

resource "aws_apigatewayv2_domain_name" "chat" {
  domain_name = "terraform-chat.example.com"

  domain_name_configuration {
    certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "chat" {
  api_id          = aws_apigatewayv2_api.chat.id
  domain_name     = aws_apigatewayv2_domain_name.chat.id
  stage           = aws_apigatewayv2_stage.live.id
  api_mapping_key = var.title
}

data "aws_apigatewayv2_api" "read" {
  api_id = aws_apigatewayv2_api.chat.id
}

data "aws_apigatewayv2_apis" "read" {
  protocol_type = "WEBSOCKET"
  tags          = { title = aws_apigatewayv2_api.chat.tags.title }
}

output "api" {
  value = aws_apigatewayv2_api.chat.id
}

output "authorizer" {
  value = aws_apigatewayv2_authorizer.door.id
}

output "model" {
  value = aws_apigatewayv2_model.message.id
}

output "integration" {
  value = aws_apigatewayv2_integration.mock.id
}

output "integration_response" {
  value = aws_apigatewayv2_integration_response.mock.id
}

output "route" {
  value = aws_apigatewayv2_route.default.id
}

output "route_response" {
  value = aws_apigatewayv2_route_response.default.id
}

output "deployment" {
  value = aws_apigatewayv2_deployment.chat.id
}

output "mapping" {
  value = aws_apigatewayv2_api_mapping.chat.id
}

output "read" {
  value = {
    endpoint = data.aws_apigatewayv2_api.read.api_endpoint
    found    = contains(data.aws_apigatewayv2_apis.read.ids, aws_apigatewayv2_api.chat.id)
    target   = aws_apigatewayv2_domain_name.chat.domain_name_configuration[0].target_domain_name
    invoke   = aws_apigatewayv2_stage.live.invoke_url
  }
}
