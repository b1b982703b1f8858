/* A client of {name}, generated from a deployment. */

var apigClientFactory = {};

apigClientFactory.newClient = function (config) {
    'use strict';
    var utils = apiGateway.core.utils;
    config = utils.mergeInto({
        accessKey: '', secretKey: '', sessionToken: '', region: '', apiKey: undefined,
        defaultContentType: 'application/json', defaultAcceptType: 'application/json'
    }, config);
    config.region = config.region || 'us-east-1';

    var invokeUrl = (config.invokeUrl || {invoke_url}).replace(/\/+$/, '');
    var endpoint = /^https?:\/\/[^\/]+/i.exec(invokeUrl)[0];
    var pathComponent = invokeUrl.substring(endpoint.length);

    var sigV4ClientConfig = {
        accessKey: config.accessKey, secretKey: config.secretKey, sessionToken: config.sessionToken,
        serviceName: 'execute-api', region: config.region, endpoint: endpoint,
        defaultContentType: config.defaultContentType, defaultAcceptType: config.defaultAcceptType
    };
    var simpleHttpClientConfig = {
        endpoint: endpoint,
        defaultContentType: config.defaultContentType, defaultAcceptType: config.defaultAcceptType
    };
    var authType = config.accessKey && config.secretKey ? 'AWS_IAM' : 'NONE';
    var apiGatewayClient = apiGateway.core.apiGatewayClientFactory.newClient(simpleHttpClientConfig, sigV4ClientConfig);

    function call(verb, path, names, params, body, additionalParams) {
        utils.assertParametersDefined(params, names.path.concat(names.headers, names.query, names.body), ['body']);
        return apiGatewayClient.makeRequest({
            verb: verb,
            path: pathComponent + uritemplate(path).expand(utils.parseParametersToObject(params, names.path)),
            headers: utils.parseParametersToObject(params, names.headers),
            queryParams: utils.parseParametersToObject(params, names.query),
            body: body
        }, authType, additionalParams, config.apiKey);
    }

    var apigClient = {};
{functions}
    return apigClient;
};
