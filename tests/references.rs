//! References to a secret kept elsewhere, and ciphertext, are no secrets; what merely looks like one is found.

use keysift::detect::{Detector, Scratch};
use keysift::examine::examine;
use keysift::rule::RuleSet;

/// A text, and who keeps the secret that it refers to.
const REFERENCES: &[(&str, &str)] = &[
    ("password: op://vault/database/password", "1Password"),
    ("password: \"{{ op://vault/item/section/field }}\"", ""),
    ("DB_PASSWORD=vault:secret/data/mysql#MYSQL_PASSWORD", "HashiCorp Vault"),
    ("password: vault://secret/data/mysql#password", "HashiCorp Vault"),
    ("password: ref+vault://secret/mysql#/password", "vals"),
    ("password: ref+awssecrets://prod/mysql#/password", "vals"),
    ("password: ref+awsssm://prod/mysql", "vals"),
    ("password: ref+gcpsecrets://project/mysql", "vals"),
    ("password: ref+azurekeyvault://my-vault/my-secret", "vals"),
    ("password: ref+sops://secrets.yaml#/db/password", "vals"),
    ("password: ref+gkms://kms/enc#/db/password", "vals"),
    ("password = {{ with secret \"database/creds/app\" }}{{ .Data.password }}{{ end }}", ""),
    ("password = {{vault `secret/data/app` `password`}}", ""),
    ("db_password = \"vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==\"", "HashiCorp Vault"),
    ("SECRET_ARN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/app/db-AbC9xZ", "an AWS resource"),
    ("password: arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db/password", "an AWS resource"),
    ("secret_key: \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"", "an AWS resource"),
    ("MasterUserPassword: '{{resolve:secretsmanager:prod/db:SecretString:password}}'", "AWS CloudFormation"),
    ("MasterUserPassword: '{{resolve:ssm-secure:/prod/db/password:3}}'", "AWS CloudFormation"),
    ("password=aws-sm://prod/db#password", "AWS Secrets Manager"),
    ("password=ssm:/prod/db/password", "AWS Parameter Store"),
    ("{ \"name\": \"DB_PASSWORD\", \"valueFrom\": \"/prod/db/password\" }", ""),
    (
        "encrypted_password = \"AQICAHhAbCdEfGhIjKlMnOpQrStUvWxYz0123456789AQEtTT9ubXp1c3VhbGx5bG9uZ2Jsb2I=\"",
        "AWS KMS (ciphertext)",
    ),
    ("\"DbPassword\": \"@Microsoft.KeyVault(SecretUri=https://acme.vault.azure.net/secrets/db/0123abcd)\"", "Azure Key Vault"),
    ("DbPassword=@Microsoft.KeyVault(VaultName=acme;SecretName=db)", "Azure Key Vault"),
    ("password: https://acme.vault.azure.net/secrets/db-password/9f3a", "Azure Key Vault"),
    ("password: akv://acme/db-password", "Azure Key Vault"),
    ("password: azurekeyvault://acme/db-password", "Azure Key Vault"),
    ("password: $(dbPassword)", ""),
    ("password: projects/1234567890/secrets/db-password/versions/latest", "Google Secret Manager"),
    ("password: sm://acme-prod/db-password", "Google Secret Manager"),
    ("password: gcp-sm:db-password", "Google Secret Manager"),
    ("password: berglas://acme-secrets/db-password", "Berglas"),
    ("password: \"CiQAmUMhtHbVXyfgIqx5fnSr8EowXkLQbJfEfW9ZjXgqCqPxLp8SPQBLNvCdY3Vt\"", "Google KMS (ciphertext)"),
    ("password: ${{ secrets.DB_PASSWORD }}", "a CI secret"),
    ("password: ${{ env.DB_PASSWORD }}", "a CI secret"),
    ("token: ${{ vars.TOKEN_NAME }}", "a CI secret"),
    ("token: $CI_JOB_TOKEN", "a variable"),
    ("password: ${DB_PASSWORD}", "a variable"),
    ("password=%DB_PASSWORD%", "a variable"),
    ("password: << parameters.db_password >>", "CircleCI parameters"),
    ("password: <<pipeline.parameters.db_password>>", "CircleCI parameters"),
    ("password: ((db_password))", "Concourse"),
    ("DB_PASSWORD = credentials('prod-db-password')", "Jenkins credentials"),
    ("env:\n  global:\n    - secure: \"nRXwhvPqbZ8mQ2sLt9YkXc4Vb7Hd1JfGa6EwTzUoIyRp3S5Nq0=\"", ""),
    ("password:\n  from_secret: db_password", ""),
    ("const password = process.env.DB_PASSWORD;", "the environment"),
    ("const apiKey = import.meta.env.VITE_API_KEY;", "the environment"),
    ("password = os.environ[\"DB_PASSWORD\"]", "the environment"),
    ("password = os.getenv(\"DB_PASSWORD\")", "the environment"),
    ("password = ENV[\"DB_PASSWORD\"]", "the environment"),
    ("password = ENV.fetch(\"DB_PASSWORD\")", "the environment"),
    ("String password = System.getenv(\"DB_PASSWORD\");", "the environment"),
    ("var password = Environment.GetEnvironmentVariable(\"DB_PASSWORD\");", "the environment"),
    ("let password = std::env::var(\"DB_PASSWORD\").unwrap();", "the environment"),
    ("const PASSWORD: &str = env!(\"DB_PASSWORD\");", "the environment"),
    ("$password = $_ENV['DB_PASSWORD'];", "the environment"),
    ("$password = getenv('DB_PASSWORD');", "the environment"),
    ("'password' => env('DB_PASSWORD', ''),", "the environment"),
    ("'password' => config('database.password'),", "a configuration"),
    ("const password = Deno.env.get(\"DB_PASSWORD\");", "the environment"),
    ("password := viper.GetString(\"db.password\")", "a configuration"),
    ("password: {{ .Values.db.password }}", "a template"),
    ("password: {{ include \"app.password\" . }}", "a template"),
    ("password: {{ $password }}", "a template"),
    ("password: \"{{ db_password }}\"", "a template"),
    ("password: \"{{ lookup('env', 'DB_PASSWORD') }}\"", "a template"),
    ("password: <%= ENV['DB_PASSWORD'] %>", ""),
    ("password = \"${var.db_password}\"", "a variable"),
    ("password = var.db_password", "Terraform"),
    ("password = local.db_password", "Terraform"),
    ("password = data.aws_ssm_parameter.db.value", "Terraform"),
    ("password = module.database.master_password", "Terraform"),
    ("spring.datasource.password=${DB_PASSWORD:default}", "a variable"),
    ("\"DbPassword\": \"#{Database.Password}#\"", "a variable"),
    ("\"DbPassword\": \"__DB_PASSWORD__\"", "a variable"),
    ("db.password=@db.password@", "a variable"),
    ("password = \"{password}\"", ""),
    ("api_key = \"<YOUR_API_KEY>\"", ""),
    ("api_key = \"xxxxxxxxxxxxxxxxxxxx\"", ""),
    ("password = \"************\"", ""),
    ("password = \"changeme\"", ""),
    ("- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db-credentials\n      key: password-of-app", ""),
    ("volumes:\n- name: v\n  secret:\n    secretName: db-credentials-prod", ""),
    ("remoteRef:\n  key: prod/db/password", ""),
    (
        "  encryptedData:\n    password: AgBy3i4OJSWK+PiTySYZZA9rO43cGDEqoP0mTfWkZqXcvBn7Lw2Rt8Yu1Ia5SdFgHjKl",
        "a sealed secret (ciphertext)",
    ),
    ("imagePullSecrets:\n- name: registry-credentials", ""),
    ("password: ENC[AES256_GCM,data:p673w==,iv:YY=,aad:UQ=,tag:A=,type:str]", "SOPS or hiera-eyaml (ciphertext)"),
    ("sops:\n  age:\n  - recipient: age1yt3tfqlfrwdwx0z0ynwplcr6qxcxfaqycuprpmy89nr83ltx74tqdpszlw", ""),
    ("recipient_key = \"age1yt3tfqlfrwdwx0z0ynwplcr6qxcxfaqycuprpmy89nr83ltx74tqdpszlw\"", "an age recipient (public)"),
    ("deploy_key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHn0Wq7Yk2Lm5Xc8Vb1Nz4Qd6Rf9Tg3Uh0Ji2Ko5Pl8M\"", "a public key"),
    (
        "password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  62313365396662343061393464336163383764373764613633653634306231386433626436623361",
        "",
    ),
    ("db_password: \"{{ vault_db_password }}\"", "a template"),
    (
        "password: ENC[PKCS7,MIIBeQYJKoZIhvcNAQcDoIIBajCCAWYCAQAxggEhMIIBHQIBADAFMAACAQEwDQYJKoZIhvcNAQEB]",
        "SOPS or hiera-eyaml (ciphertext)",
    ),
    ("password: ENC[GPG,hQIMA1234567890abcdefAQ//bXlzZWNyZXR0ZXh0]", "SOPS or hiera-eyaml (ciphertext)"),
    (
        "\"password\": {\n  \"encrypted_data\": \"kv8bBqfLhV1c2Zs9nRt4Yw==\\n\",\n  \"iv\": \"Qm3xT7pKcW5jH2dF\",\n  \"cipher\": \"aes-256-gcm\"\n}",
        "",
    ),
    (
        "token_key = \"gAAAAABlZ8YwQ2x3c0R5VnB4aE1jTm9LcXJTdFV2V3h5ejAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcQ==\"",
        "Fernet (ciphertext)",
    ),
    (
        "spring.datasource.password={cipher}682bc583f4641835fa2db009355293665d2647dade3375c0ee201de2a49f7bda",
        "Spring Cloud Config (ciphertext)",
    ),
    ("db.password=ENC(uTSqb9grs1+vUv3iN8lItC0kl65lMG+8)", "Jasypt (ciphertext)"),
    ("<password-encrypted>{AES}FWXWmcmbQfZ4mcRPpbgkfJqwDuDw7g0yRc4Zt8VhfDk=</password-encrypted>", "WebLogic (ciphertext)"),
    ("antiforgery_token = \"CfDJ8NpR5sTvWxYz0aBcDeFgHiJkLmNoPqRsTuVwXyZ123456789\"", "ASP.NET data protection (ciphertext)"),
    ("<password>{COQLCE6DU6GtcS5P=}</password>", "Maven (ciphertext)"),
    ("password = \"U2FsdGVkX1+5mK8s3Yb0Jx7tPq2vN9cLrWf4uHdEzXo=\"", "OpenSSL (ciphertext)"),
    ("DB_PASSWORD=\"encrypted:BNn3uhJqpl0r5XqPq8w0v2mHtYcXz7Ks4LfGd9RjTbVe\"", "dotenvx (ciphertext)"),
    ("password: ${acme.prod.DB_PASSWORD}", "a variable"),
    ("password: doppler://acme/prod/DB_PASSWORD", "Doppler"),
    ("password: infisical://prod/db/DB_PASSWORD", "Infisical"),
    ("password: bws://3e3a0b1c-9d8f-4a7e-b6c5-d4e3f2a1b0c9", "Bitwarden"),
    ("password: akeyless:/prod/db/password", "Akeyless"),
    ("DB_PASSWORD: !var prod/db/password", "Summon"),
    ("DB_PASSWORD: !var:file prod/db/password", "Summon"),
    ("password_command: pass show prod/db", "pass"),
    ("password_command: gopass show prod/db", "gopass"),
    ("password = keyring:prod/db", "a key ring"),
    ("password=$(cat /run/secrets/db_password)", ""),
    ("password=/run/secrets/db_password", "a Docker secret"),
    ("password: file:///etc/app/db-password", "a file"),
    ("password: secret://prod/db/password", "a secret store"),
    ("password: keyvault://acme/db-password", "Azure Key Vault"),
    ("password: lpass://Shared-Prod/db/password", "LastPass"),
    ("password_command: rbw get prod-db", "Bitwarden"),
    ("password = {{ onepasswordRead \"op://vault/db/password\" }}", ""),
    ("password = {{ (bitwarden \"item\" \"prod-db\").login.password }}", ""),
    ("\"integrity\": \"sha512-Wq7Yk2Lm5Xc8Vb1Nz4Qd6Rf9Tg3Uh0Ji2Ko5Pl8MHn0Wq7Yk2Lm5Xc8Vb1Nz4Qd6Rf9Tg3Uh0Ji2Ko5Pl8M==\"", ""),
    ("secret_hash: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "a digest"),
    ("golang.org/x/key v0.1.0 h1:Wq7Yk2Lm5Xc8Vb1Nz4Qd6Rf9Tg3Uh0Ji2Ko5Pl8M1a=", ""),
    ("stripe_key = \"pk_live_51H8xQ2KzVbNmLpRtYwXcDfGh\"", ""),
    ("posthog_key = \"phc_x9Kq2LmVbN4RtYwXcDfGhJk7PzQs1TuWv3Ya5Bc8De0\"", ""),
    ("langfuse_public_key = \"pk-lf-0f1e2d3c-4b5a-4968-8776-a5b4c3d2e1f0\"", ""),
    ("SUPABASE_KEY = \"sb_publishable_x9Kq2LmVbN4RtYwXcDfGhJ_k7PzQs1T\"", ""),
    ("mapbox_token = \"pk.eyJ1IjoiYWNtZSIsImEiOiJjbDlrcTJsbXZibjRydCJ9.x9Kq2LmVbN4RtYwXcDfGhJ\"", ""),
    ("data-sitekey=\"6LdX9Kq2LmVbN4RtYwXcDfGhJk7PzQs1TuWv3Ya5\"", ""),
    ("dsn = \"https://0f1e2d3c4b5a49688776a5b4c3d2e1f0@o12345.ingest.sentry.io/67890\"", ""),
];

fn levels(text: &str) -> Vec<String> {
    let detector = Detector::new(RuleSet::built_in());
    let examined = examine(&detector, text.as_bytes(), Some("config/app.conf"), &mut Scratch::default());
    let found = examined.found.iter();
    found.map(|j| format!("{} at {:.2}: {:?}", j.rule.id, j.verdict.score, j.verdict.reasons)).collect()
}

#[test]
fn references_are_no_secrets_and_explain_names_the_system() {
    let detector = Detector::new(RuleSet::built_in());
    let mut wrong = Vec::new();
    for (text, system) in REFERENCES {
        let examined = examine(&detector, text.as_bytes(), Some("config/app.conf"), &mut Scratch::default());
        for judged in &examined.found {
            wrong.push(format!("{text}\n  found by {} at {:.2}", judged.rule.id, judged.verdict.score));
        }
        let reasons: Vec<&str> = examined.rejected.iter().flat_map(|j| &j.verdict.reasons).map(|r| &*r.text).collect();
        if !system.is_empty() && !reasons.iter().any(|r| r.contains(system)) {
            wrong.push(format!("{text}\n  {system} is not named: {reasons:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What names an account, and what pages show to everyone, fails no gate by itself.
#[test]
fn identifiers_alone_are_no_more_than_information() {
    let id = ["AKIAQ7", "ZX3LMWVT2K5HRP"].concat();
    let google = ["AIzaSyB7", "k8Zqw2Lmx7RtVb4Nc9Hdj3Fs6Gp1Wy5"].concat();
    let razorpay = ["rzp_live_", "x9Kq2LmVbN4RtY"].concat();
    for text in [
        format!("aws_access_key_id = {id}\n"),
        format!("const key = '{razorpay}';\n"),
        format!("const firebaseConfig = {{\n  apiKey: \"{google}\",\n  authDomain: \"acme.firebaseapp.com\",\n}};\n"),
    ] {
        let detector = Detector::new(RuleSet::built_in());
        let examined = examine(&detector, text.as_bytes(), Some("src/app.js"), &mut Scratch::default());
        assert!(examined.found.iter().all(|j| j.verdict.score < 0.5), "{text}{:?}", levels(&text));
        assert_eq!(examined.found.len(), 1, "{text}");
    }
}

/// What is not harmless although it looks like a reference. Secrets are put together here.
#[test]
fn what_looks_like_a_reference_is_found_where_it_is_a_secret() {
    let hex = |n: usize| "9f3a7c1e5b8d2064".repeat(n);
    let random = "k8Zqw2Lmx7RtVb4Nc9Hd";
    let b64 = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let texts = [
        ("DOTENV_KEY", format!("DOTENV_KEY=\"dotenv://:key_{}@dotenv.org/vault/.env.vault?environment=production\"\n", hex(4))),
        ("{xor}", format!("<authData alias=\"db\" user=\"app\" password=\"{{xor}}{}\"/>\n", b64("\u{4}7-2+9\u{1c}nm\"'"))),
        (
            "Kubernetes data",
            format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ntype: Opaque\ndata:\n  password: {}\n", b64(random)),
        ),
        (
            "last-applied",
            format!(
                "metadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {{\"apiVersion\":\"v1\",\"data\":{{\"password\":\"{}\"}},\"kind\":\"Secret\",\"metadata\":{{\"name\":\"db\"}}}}\n",
                b64(random)
            ),
        ),
        ("op inject output", format!("DB_PASSWORD={random}\n")),
        (
            "Terraform state",
            format!("\"attributes\": {{\n  \"id\": \"db\",\n  \"username\": \"app\",\n  \"password\": \"{random}\"\n}}\n"),
        ),
        (
            "Terraform output",
            format!(
                "\"outputs\": {{\n    \"db_pw\": {{\n      \"value\": \"{random}\",\n      \"type\": \"string\",\n      \"sensitive\": true\n    }}\n  }}\n"
            ),
        ),
        (
            "Jenkins",
            format!(
                "<com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>\n  <username>ci</username>\n  <password>{random}</password>\n"
            ),
        ),
        (
            "dockerconfigjson",
            format!(
                "kind: Secret\ntype: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: {}\n",
                b64(&format!("{{\"auths\":{{\"ghcr.io\":{{\"auth\":\"{}\"}}}}}}", b64(&format!("bob:{random}"))))
            ),
        ),
        ("Vault token", format!("hvs.CAESI{}\n", "k8Zqw2Lmx7RtVb4Nc9Hdj3Fs6Gp1Wy5".repeat(3))),
        (".pgpass", format!("db.internal:5432:shop:app:{random}\n")),
    ];
    let missed: Vec<&str> = texts.iter().filter(|(_, text)| levels(text).is_empty()).map(|(name, _)| *name).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
