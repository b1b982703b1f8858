//! The few calls of API Gateway's control plane that set up an API, as plain REST-JSON without a signature.

use std::net::SocketAddr;

use anyhow::Context as _;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// The stage that everything is deployed to.
pub(crate) const STAGE: &str = "prod";
/// The path of the one resource.
const PART: &str = "bench";

/// A client of one node's admin address.
pub(crate) struct Admin {
    address: SocketAddr,
    client: Client,
}

/// An API with one resource and its method GET.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// The API's id.
    pub(crate) id: String,
    /// The id of its resource.
    pub(crate) resource: String,
}

/// Where calls of a method go.
#[derive(Clone, Debug)]
pub(crate) enum Integration {
    /// To this URI, unchanged.
    HttpProxy(String),
    /// Nowhere: the gateway answers.
    Mock,
}

impl Api {
    /// The URL of the resource on a gateway.
    pub(crate) fn url(&self, gateway: SocketAddr) -> String {
        self.url_of(gateway, PART)
    }

    /// The URL of a path of the API on a gateway.
    pub(crate) fn url_of(&self, gateway: SocketAddr, path: &str) -> String {
        format!("http://{gateway}{}", self.path_of(path))
    }

    /// The path by which every gateway knows a path of the API.
    pub(crate) fn path_of(&self, path: &str) -> String {
        format!("/_aws/execute-api/{}/{STAGE}/{path}", self.id)
    }
}

impl Admin {
    /// A client of this admin address, which must not ask for signatures.
    pub(crate) fn new(address: SocketAddr) -> anyhow::Result<Admin> {
        Ok(Admin { address, client: client()? })
    }

    /// Creates an API of one resource, one method GET and its integration. Nothing serves it until it is deployed.
    pub(crate) async fn create(&self, name: &str, integration: &Integration) -> anyhow::Result<Api> {
        let api = self.call(Method::POST, "/restapis", json!({ "name": name })).await?;
        let (id, root) = (text(&api, "id")?, text(&api, "rootResourceId")?);
        let path = format!("/restapis/{id}/resources/{root}");
        let resource = self.call(Method::POST, &path, json!({ "pathPart": PART })).await?;
        let api = Api { resource: text(&resource, "id")?, id };
        let path = format!("/restapis/{}/resources/{}/methods/GET", api.id, api.resource);
        self.call(Method::PUT, &path, json!({ "authorizationType": "NONE" })).await?;
        self.integrate(&api, integration).await?;
        Ok(api)
    }

    /// Creates an API of so many resources with one method GET each.
    pub(crate) async fn create_large(
        &self,
        name: &str,
        integration: &Integration,
        methods: u32,
    ) -> anyhow::Result<Api> {
        let integration = match integration {
            Integration::HttpProxy(uri) => json!({ "type": "http_proxy", "httpMethod": "GET", "uri": uri }),
            Integration::Mock => json!({
                "type": "mock",
                "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
                "responses": { "default": { "statusCode": "200" } },
            }),
        };
        let method = json!({
            "responses": { "200": { "description": "" } },
            "x-amazon-apigateway-integration": integration,
        });
        let path = |number: u32| if number == 1 { format!("/{PART}") } else { format!("/{PART}-{number}/{{id}}") };
        let paths = (1..=methods).map(|number| {
            let parameters = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
            let mut method = method.clone();
            if number > 1 {
                method["parameters"] = parameters;
            }
            (path(number), json!({ "get": method }))
        });
        let paths: serde_json::Map<String, Value> = paths.collect();
        let info = json!({ "title": name, "version": "1" });
        let description = json!({ "openapi": "3.0.1", "info": info, "paths": paths });
        // No call of these APIs changes its integration, which the resource is for.
        Ok(Api { id: self.import(description.to_string()).await?, resource: String::new() })
    }

    /// Sets the integration of the API's method, in place of the one it may have.
    pub(crate) async fn integrate(&self, api: &Api, integration: &Integration) -> anyhow::Result<()> {
        let method = format!("/restapis/{}/resources/{}/methods/GET", api.id, api.resource);
        let body = match integration {
            Integration::HttpProxy(uri) => json!({ "type": "HTTP_PROXY", "httpMethod": "GET", "uri": uri }),
            Integration::Mock => {
                json!({ "type": "MOCK", "requestTemplates": { "application/json": "{\"statusCode\": 200}" } })
            }
        };
        self.call(Method::PUT, &format!("{method}/integration"), body).await?;
        if matches!(integration, Integration::Mock) {
            self.call(Method::PUT, &format!("{method}/responses/200"), json!({})).await?;
            self.call(Method::PUT, &format!("{method}/integration/responses/200"), json!({})).await?;
        }
        Ok(())
    }

    /// Deploys the API to its stage.
    pub(crate) async fn deploy(&self, api: &Api) -> anyhow::Result<()> {
        let path = format!("/restapis/{}/deployments", api.id);
        self.call(Method::POST, &path, json!({ "stageName": STAGE })).await?;
        Ok(())
    }

    /// Lets each method of the API's stage have so many requests a second.
    pub(crate) async fn throttle(&self, api: &Api, rate: u32) -> anyhow::Result<()> {
        let limit = |name: &str| json!({ "op": "replace", "path": format!("/*/*/throttling/{name}"), "value": rate.to_string() });
        let body = json!({ "patchOperations": [limit("rateLimit"), limit("burstLimit")] });
        self.call(Method::PATCH, &format!("/restapis/{}/stages/{STAGE}", api.id), body).await?;
        Ok(())
    }

    /// Makes an API key in a usage plan with throttle and quota, both more than anybody uses; gives its value.
    pub(crate) async fn key(&self, api: &Api) -> anyhow::Result<String> {
        let key = self.call(Method::POST, "/apikeys", json!({ "name": "bench", "enabled": true })).await?;
        let plan = json!({
            "name": "bench",
            "apiStages": [{ "apiId": api.id, "stage": STAGE }],
            "throttle": { "rateLimit": 1_000_000.0, "burstLimit": 1_000_000 },
            "quota": { "limit": 2_000_000_000, "period": "MONTH" },
        });
        let plan = text(&self.call(Method::POST, "/usageplans", plan).await?, "id")?;
        let joining = json!({ "keyId": text(&key, "id")?, "keyType": "API_KEY" });
        self.call(Method::POST, &format!("/usageplans/{plan}/keys"), joining).await?;
        text(&key, "value")
    }

    /// The number of the node that leads, once so many nodes have a vote.
    pub(crate) async fn leader_of(&self, voters: usize) -> anyhow::Result<Option<u64>> {
        let status = self.call(Method::GET, "/_turnpike/cluster/status", json!({})).await?;
        let members = status["members"].as_array().into_iter().flatten();
        let voting = members.filter(|member| member["role"] != "learner" && member["live"] == true).count();
        Ok(status["node"]["leader"].as_u64().filter(|_| voting == voters))
    }

    /// Creates and deploys a WebSocket API that takes every connection; gives its id.
    pub(crate) async fn sockets(&self) -> anyhow::Result<String> {
        let api = json!({
            "name": "sockets",
            "protocolType": "WEBSOCKET",
            "routeSelectionExpression": "$request.body.action",
        });
        let id = text(&self.call(Method::POST, "/v2/apis", api).await?, "apiId")?;
        let below = |part: &str| format!("/v2/apis/{id}/{part}");
        let mock = json!({ "integrationType": "MOCK" });
        let mock = text(&self.call(Method::POST, &below("integrations"), mock).await?, "integrationId")?;
        let route = json!({ "routeKey": "$default", "target": format!("integrations/{mock}") });
        self.call(Method::POST, &below("routes"), route).await?;
        self.call(Method::POST, &below("stages"), json!({ "stageName": STAGE })).await?;
        self.call(Method::POST, &below("deployments"), json!({ "stageName": STAGE })).await?;
        Ok(id)
    }

    /// Imports an API from a description; gives its id.
    pub(crate) async fn import(&self, description: String) -> anyhow::Result<String> {
        let answer = self.send(Method::POST, "/restapis?mode=import", description).await?;
        text(&serde_json::from_str(&answer).context("the answer is not JSON")?, "id")
    }

    /// Imports API keys from a file.
    pub(crate) async fn import_keys(&self, file: String) -> anyhow::Result<()> {
        self.send(Method::POST, "/apikeys?mode=import&format=csv", file).await.map(drop)
    }

    /// All resources of an API with their methods, as they were answered.
    pub(crate) async fn resources(&self, api: &str) -> anyhow::Result<String> {
        self.send(Method::GET, &format!("/restapis/{api}/resources?embed=methods&limit=500"), String::new()).await
    }

    /// Creates an API that nothing is done with: the smallest write.
    pub(crate) async fn write(&self) -> anyhow::Result<()> {
        self.call(Method::POST, "/restapis", json!({ "name": "write" })).await?;
        Ok(())
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let text = self.send(method.clone(), path, body.to_string()).await?;
        serde_json::from_str(&text).with_context(|| format!("{method} {path} was not answered with JSON: {text:?}"))
    }

    async fn send(&self, method: Method, path: &str, body: String) -> anyhow::Result<String> {
        let request = self.client.request(method.clone(), format!("http://{}{path}", self.address));
        let request = request.header("Content-Type", "application/json").body(body);
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("{method} {path}"))?;
        anyhow::ensure!(status.is_success(), "{method} {path} was answered with {status}: {text}");
        Ok(text)
    }
}

/// A client that talks to this machine only, past every proxy in the environment.
pub(crate) fn client() -> anyhow::Result<Client> {
    Client::builder().no_proxy().build().context("cannot make an HTTP client")
}

fn text(document: &Value, name: &str) -> anyhow::Result<String> {
    let text = document.get(name).and_then(Value::as_str);
    Ok(text.with_context(|| format!("the answer has no {name}: {document}"))?.to_owned())
}
